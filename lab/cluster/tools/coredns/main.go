// CoreDNS with the plug-ins that a cluster's DNS needs, those of a small zone's server that says who it is, and none of
// the clouds'.
package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"

	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/file"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/log"
	_ "github.com/coredns/coredns/plugin/metadata"
	_ "github.com/coredns/coredns/plugin/metrics"
	_ "github.com/coredns/coredns/plugin/nsid"
	_ "github.com/coredns/coredns/plugin/ready"
)

func main() {
	// In the order of CoreDNS' own plugin.cfg.
	dnsserver.Directives = []string{
		"metadata", "nsid", "ready", "health", "prometheus", "errors", "log", "cache", "kubernetes", "file",
	}
	coremain.Run()
}
