import type { Problem } from '../../common/problem.ts';

/** What fails now, of several collections at once: the same words are told once, and when nothing is left, that. */
export function createFailing(
  onFailure: (problem: Problem) => void,
  onRecovery: () => void,
): (subject: string, problem: Problem | undefined) => void {
  const failing = new Map<string, string>();
  return (subject, problem) => {
    if (problem === undefined) {
      if (failing.delete(subject) && failing.size === 0) onRecovery();
      return;
    }
    const told = [...failing.values()].includes(problem.message);
    failing.set(subject, problem.message);
    if (!told) onFailure(problem);
  };
}
