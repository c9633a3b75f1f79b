/** What a cluster is made of, each built from a Go module of its own below this folder, with its pinned versions. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface GoPrograms {
  /** Folder with go.mod, go.sum, and tools.go (what is built of other modules) or main.go (what is built here). */
  module: string;
  /** For the reader. */
  title: string;
  /** One `go build` each, in this order; packages in one compile beside each other. */
  builds: { packages: string[]; ldflags?: string; output?: string }[];
  /** Names of the programs that come out. */
  programs: string[];
}

const kubernetesModule = join(import.meta.dirname, 'kubernetes');
const kubernetesVersion = versionOf('k8s.io/kubernetes', kubernetesModule);
const helmVersion = versionOf('helm.sh/helm/v4', kubernetesModule);
const cmd = 'k8s.io/kubernetes/cmd';

/** The same flags for helm as for Kubernetes, so that what they share is compiled and linked from one cache. */
const versionFlags = [
  '-s -w',
  ...Object.entries({
    gitVersion: kubernetesVersion,
    gitMajor: kubernetesVersion.slice(1).split('.')[0],
    gitMinor: kubernetesVersion.split('.')[1],
    gitTreeState: 'clean',
    buildDate: '2026-01-01T00:00:00Z',
  }).map(([name, value]) => `-X k8s.io/component-base/version.${name}=${value}`),
  `-X helm.sh/helm/v4/internal/version.version=${helmVersion}`,
].join(' ');

export const helmPrograms: GoPrograms = {
  module: kubernetesModule,
  title: `helm ${helmVersion}, kubectl and the checkers of charts, built from Go modules, about 3 min`,
  builds: [
    {
      packages: [
        `${cmd}/kubectl`,
        'helm.sh/helm/v4/cmd/helm',
        'github.com/helm-unittest/helm-unittest/cmd/helm-unittest',
        'github.com/yannh/kubeconform/cmd/kubeconform',
        'github.com/norwoodj/helm-docs/cmd/helm-docs',
      ],
      ldflags: versionFlags,
    },
  ],
  programs: ['kubectl', 'helm', 'helm-unittest', 'kubeconform', 'helm-docs'],
};

const helm3Module = join(import.meta.dirname, 'helm3');
const helm3Version = versionOf('helm.sh/helm/v3', helm3Module);

/** As its Makefile has them: `helm template` takes them for the version of the cluster. */
const helm3Flags = [
  versionFlags,
  `-X helm.sh/helm/v3/internal/version.version=${helm3Version}`,
  ...['lint/rules', 'chartutil'].flatMap((name) => [
    `-X helm.sh/helm/v3/pkg/${name}.k8sVersionMajor=${kubernetesVersion.slice(1).split('.')[0]}`,
    `-X helm.sh/helm/v3/pkg/${name}.k8sVersionMinor=${kubernetesVersion.split('.')[1]}`,
  ]),
].join(' ');

/** Charts have to work with both. Its versions of what both are made of are those of the others. */
export const helm3Programs: GoPrograms = {
  module: helm3Module,
  title: `helm ${helm3Version}, built from its Go module, about 1 min`,
  builds: [
    {
      packages: ['helm.sh/helm/v3/cmd/helm'],
      output: 'helm3',
      ldflags: helm3Flags,
    },
  ],
  programs: ['helm3'],
};

export const kubernetesPrograms: GoPrograms = {
  module: kubernetesModule,
  title: `Kubernetes ${kubernetesVersion} and etcd, built from Go modules, about 5 min on two processors`,
  builds: [
    {
      packages: [
        ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'].map(
          (name) => `${cmd}/${name}`,
        ),
      ],
      ldflags: versionFlags,
    },
    // Its import path ends in v3, so it has to be named.
    { packages: ['go.etcd.io/etcd/server/v3'], output: 'etcd', ldflags: '-s -w' },
    { packages: ['go.etcd.io/etcd/etcdctl/v3', 'go.etcd.io/etcd/etcdutl/v3'], ldflags: '-s -w' },
  ],
  programs: [
    ...['kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'],
    ...['etcd', 'etcdctl', 'etcdutl'],
  ],
};

const containerdModule = join(import.meta.dirname, 'containerd');
const containerdVersion = versionOf('github.com/containerd/containerd/v2', containerdModule);

export const containerdPrograms: GoPrograms = {
  module: containerdModule,
  title: `containerd ${containerdVersion}, built from Go modules, about 3 min`,
  builds: [
    {
      packages: ['containerd', 'containerd-shim-runc-v2', 'ctr'].map(
        (name) => `github.com/containerd/containerd/v2/cmd/${name}`,
      ),
      ldflags: `-s -w -X github.com/containerd/containerd/v2/version.Version=${containerdVersion}`,
    },
  ],
  programs: ['containerd', 'containerd-shim-runc-v2', 'ctr'],
};

const corednsModule = join(import.meta.dirname, 'coredns');
const corednsVersion = versionOf('github.com/coredns/coredns', corednsModule);

export const corednsPrograms: GoPrograms = {
  module: corednsModule,
  title: `CoreDNS ${corednsVersion}, built from Go modules, about 1 min`,
  builds: [{ packages: ['.'], output: 'coredns' }],
  programs: ['coredns'],
};

const skipperModule = join(import.meta.dirname, 'skipper');
const skipperVersion = versionOf('github.com/zalando/skipper', skipperModule);

export const skipperPrograms: GoPrograms = {
  module: skipperModule,
  title: `Skipper ${skipperVersion}, an ingress controller, built from Go modules, about 2 min`,
  builds: [
    {
      packages: ['github.com/zalando/skipper/cmd/skipper'],
      ldflags: `-s -w -X main.version=${skipperVersion}`,
    },
  ],
  programs: ['skipper'],
};

/** In the order in which they are built. */
export const allPrograms = [
  helmPrograms,
  helm3Programs,
  kubernetesPrograms,
  containerdPrograms,
  corednsPrograms,
  skipperPrograms,
];

function versionOf(path: string, module: string): string {
  const text = readFileSync(join(module, 'go.mod'), 'utf8');
  const version = new RegExp(`^(?:require|\\t)\\s*${path.replaceAll('.', '\\.')} (v\\S+)`, 'm').exec(
    text,
  )?.[1];
  if (version === undefined) throw new Error(`${join(module, 'go.mod')} does not require ${path}`);
  return version;
}
