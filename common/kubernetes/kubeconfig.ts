/** Authentication by a kubeconfig file with the client library: certificates, tokens, exec and auth providers. */
import type { RequestOptions } from 'node:https';
import { KubeConfig } from '@kubernetes/client-node';
import { reasonOf } from '../problem.ts';
import { problems } from './errors.ts';

/** Where the server is, and how to be known there. */
export interface Access {
  readonly server: URL;
  /** Asked before each request: tokens and authorities are replaced in place while the program runs. */
  options(): Promise<RequestOptions>;
}

/** `paths`: the variable's value. The files are read once; tokens and certificates that they name, at each request. */
export function openKubeconfig(paths: string): Access {
  const { config, server } = load(paths);
  const proxied = config.getCurrentCluster()?.proxyUrl !== undefined;
  return {
    server,
    async options() {
      const options: RequestOptions = {};
      await config.applyToHTTPSOptions(options as Parameters<KubeConfig['applyToHTTPSOptions']>[0]);
      // the library's agent keeps connections; ours does not, unless there is a proxy to pass
      if (!proxied) delete options.agent;
      return options;
    },
  };
}

function load(paths: string): { config: KubeConfig; server: URL } {
  const config = new KubeConfig();
  try {
    const [first = '', ...rest] = paths.split(':').filter((path) => path !== '');
    config.loadFromFile(first);
    for (const path of rest) {
      const more = new KubeConfig();
      more.loadFromFile(path);
      config.mergeConfig(more, true);
    }
    const address = config.getCurrentCluster()?.server;
    if (address === undefined) throw new Error(`context "${config.getCurrentContext()}" names no cluster`);
    return { config, server: new URL(address) };
  } catch (error) {
    throw problems.KUBERNETES_ACCESS(`KUBECONFIG ${paths}`, reasonOf(error));
  }
}
