/** Where the API server is and how this program shows who it is. */
import { readFile } from 'node:fs/promises';
import { isIPv6 } from 'node:net';
import { createSecureContext, type SecureContext } from 'node:tls';
import { describeSystemError } from '../files.ts';
import { problems } from './errors.ts';
import type { Access } from './kubeconfig.ts';

export interface Environment {
  readonly [name: string]: string | undefined;
}

const mounted = '/var/run/secrets/kubernetes.io/serviceaccount';

/** KUBECONFIG where it is set (runs outside of a cluster), else the pod's mounted service account. */
export async function openAccess(env: Environment, directory = mounted): Promise<Access> {
  // a chunk of its own: KubeConfig brings 40 MB with it, and pods do not need it (docs/decisions/0010)
  if (env.KUBECONFIG) return (await import('./kubeconfig.ts')).openKubeconfig(env.KUBECONFIG);
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' } = env;
  if (!host) throw problems.KUBERNETES_ACCESS('KUBERNETES_SERVICE_HOST', 'is not set');
  const access = serviceAccount(new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`), directory);
  await access.options();
  return access;
}

function serviceAccount(server: URL, directory: string): Access {
  let trusted: { ca: string; secureContext: SecureContext } | undefined;
  return {
    server,
    async options() {
      // one after the other: of both missing it is always the token that is told
      const token = await read(`${directory}/token`);
      const ca = await read(`${directory}/ca.crt`);
      // made once for each authority: parsing a bundle of them takes longer than the request
      if (trusted?.ca !== ca) trusted = { ca, secureContext: trust(ca, `${directory}/ca.crt`) };
      return { secureContext: trusted.secureContext, headers: { authorization: `Bearer ${token.trim()}` } };
    },
  };
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw problems.KUBERNETES_ACCESS(path, describeSystemError(error));
  }
}

function trust(ca: string, path: string): SecureContext {
  try {
    return createSecureContext({ ca });
  } catch (error) {
    throw problems.KUBERNETES_ACCESS(path, describeSystemError(error));
  }
}
