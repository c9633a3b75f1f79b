import { problemTable } from '../problem.ts';

/** What can go wrong between a program and the API server. None of it changes a rule that runs. */
export const problems = problemTable({
  KUBERNETES_ACCESS: (what: string, why: string) =>
    `no access to a Kubernetes API server: ${what}: ${why}; run in a pod with its service account mounted, or set KUBECONFIG`,
  KUBERNETES_UNREACHABLE: (server: string, why: string) =>
    `API server ${server} cannot be reached (${why}): what was read last stays, and it is asked again every second; ${remedyOf(why)}`,
  KUBERNETES_UNAUTHORIZED: (server: string, said: string) =>
    `API server ${server} does not accept this pod's token (401: ${said}): what was read last stays; look whether the service account was deleted or made again (then the pod must be, too), and whether the clocks agree`,
  KUBERNETES_FORBIDDEN: (verb: string, resource: string, where: string, said: string) =>
    `not allowed to ${verb} ${resource} ${where} (403: ${said}): what was read last stays; give this pod's service account a Role with that verb and resource, as the chart does (kubectl auth can-i ${verb} ${resource} --as=…)`,
  KUBERNETES_REFUSED: (verb: string, resource: string, where: string, said: string) =>
    `API server did not ${verb} ${resource} ${where}: ${said}; what was read last stays, and it is asked again`,
  KUBERNETES_ANSWER: (verb: string, resource: string, where: string, why: string) =>
    `API server's answer to ${verb} ${resource} ${where} cannot be used (${why}): what was read last stays, and it is asked again`,
});

function remedyOf(why: string): string {
  if (/ENOTFOUND|EAI_AGAIN/.test(why)) return "look at the cluster's DNS, and at the server's name";
  if (/certificate|self.signed|CERT_|altnames/i.test(why))
    return 'look whether the cluster has a new CA, and whether this machine names the right server';
  return "look at the API server, and whether a network policy lets this pod's requests to it pass";
}
