/** Words of keepalived by which the kernel would hold something else than verify wants: each would undo the other for ever. */
import { type Statement, TextFault } from './keepalived-text.ts';
import { flag } from './statements.ts';

/** Throws TextFault for one in a virtual server, its real servers and their checks. */
export function refuseKeywords(
  block: readonly Statement[],
  inside: 'virtual_server' | 'real_server' = 'virtual_server',
) {
  for (const statement of block) {
    const why = refusals.get(statement.words[0] ?? '')?.(statement, inside);
    if (why) throw new TextFault(statement, why);
    if (statement.block) refuseKeywords(statement.block, 'real_server');
  }
}

type Refusal = (statement: Statement, inside: string) => string | undefined;

const refusals = new Map<string, Refusal>([
  [
    'alpha',
    (statement, inside) =>
      // in a virtual server it takes no value
      inside === 'real_server' && !flag(statement)
        ? undefined
        : '"alpha": keepalived would leave a server out until its first check without a word, and verify would add it after a second; leave it out, a check that fails takes the server out',
  ],
  [
    'misc_dynamic',
    () =>
      '"misc_dynamic": verify would set the weight back to what the controller wants; leave it out, and let the check fail where a server should have no new connections',
  ],
  [
    'FILE_CHECK',
    // check_file.c: without a weight it has that of the track_file block, which is 1 where nothing is said
    ({ block = [] }) =>
      block.some(({ words }) => words[0] === 'weight' && words[1] === '0')
        ? undefined
        : '"FILE_CHECK": verify would set a weight that a file changes back to what the controller wants; say "weight 0" in it, and the file decides whether the server is up',
  ],
  ['persistence_engine', () => '"persistence_engine" is not carried into the kernel by verify; leave it out'],
  [
    'ip_family',
    ({ words }) =>
      words[1] === 'inet' ? undefined : `"${words.join(' ')}" where only IPv4 is served; leave it out`,
  ],
]);
