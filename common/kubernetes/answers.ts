/** What an answer or its absence means, in words that name verb, resource and namespace. */
import { Problem, reasonOf, systemCode } from '../problem.ts';
import type { KubernetesAnswer, KubernetesClient } from './client.ts';
import { problems } from './errors.ts';

/** An answer that is not the one wanted; `answer.status` decides what follows. */
export class Refusal extends Error {
  readonly problem: Problem;
  readonly answer: KubernetesAnswer;

  constructor(problem: Problem, answer: KubernetesAnswer) {
    super(problem.message);
    this.problem = problem;
    this.answer = answer;
  }
}

/** Throws a Refusal unless the status is one of 2xx; gives the body. */
export function bodyOf(
  answer: KubernetesAnswer,
  client: KubernetesClient,
  verb: string,
  path: string,
): unknown {
  if (answer.status < 200 || answer.status > 299)
    throw new Refusal(problemOf(answer, client.server, verb, path), answer);
  return answer.body;
}

/** The Problem of whatever was thrown while the server was asked. */
export function problemOfFailure(error: unknown, server: string): Problem {
  if (error instanceof Refusal) return error.problem;
  if (error instanceof Problem) return error;
  return problems.KUBERNETES_UNREACHABLE(server, describeFailure(error));
}

/** Node tries each address of a name; what it says of all of them together is empty. */
function describeFailure(error: unknown): string {
  const one = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
  const code = systemCode(one);
  const reason = reasonOf(one);
  return code === undefined || reason.includes(code) ? reason : `${code}: ${reason}`;
}

function problemOf(answer: KubernetesAnswer, server: string, verb: string, path: string): Problem {
  const { resource, where } = describePath(path);
  const said = wordsOf(answer);
  if (answer.status === 401) return problems.KUBERNETES_UNAUTHORIZED(server, said);
  if (answer.status === 403) return problems.KUBERNETES_FORBIDDEN(verb, resource, where, said);
  return problems.KUBERNETES_REFUSED(verb, resource, where, `${answer.status}: ${said}`);
}

/** Of a Status object its message; of anything else its first line. */
function wordsOf({ body, status }: KubernetesAnswer): string {
  const message = (body as { message?: unknown } | null)?.message;
  const text = typeof message === 'string' ? message : typeof body === 'string' ? body : '';
  return text.split('\n')[0]?.slice(0, 300) || `status ${status} without a word`;
}

/** `/apis/discovery.k8s.io/v1/namespaces/default/endpointslices` → `endpointslices.discovery.k8s.io`, `in namespace default` */
export function describePath(path: string): { resource: string; where: string } {
  const steps = path.split('/').filter((step) => step !== '');
  const group = steps[0] === 'apis' ? `.${steps[1]}` : '';
  const rest = steps.slice(steps[0] === 'apis' ? 3 : 2);
  const namespaced = rest[0] === 'namespaces' && rest.length > 2;
  const [resource = '', , subresource] = namespaced ? rest.slice(2) : rest;
  return {
    resource: `${resource}${subresource ? `/${subresource}` : ''}${group}`,
    where: namespaced ? `in namespace ${rest[1]}` : 'in all namespaces',
  };
}
