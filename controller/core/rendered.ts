/**
 * Rendered text against the virtual services that it was made from. A template may add whatever keepalived
 * accepts; it may not leave out or change a mark, a server or a weight, nor take away what the controller
 * lives by. What is for the template to decide (scheduler, thresholds, persistence) is what verify then wants.
 */
import { parseKeepalived, type Statement, TextFault } from './keepalived-text.ts';
import { refuseKeywords } from './refused-keywords.ts';
import { readScheduling } from './scheduling.ts';
import { flag, isCheck, number, one } from './statements.ts';
import { virtualServiceFile } from './template-context.ts';
import type {
  RenderedFiles,
  RenderPaths,
  VirtualService,
  WantedDestination,
  WantedService,
} from './types.ts';

const method = ['lb_kind', 'lvs_method'];

/** What the kernel should hold by this text. Throws TextFault. */
export function readRendered(
  files: RenderedFiles,
  main: string,
  virtualServices: readonly VirtualService[],
  paths: RenderPaths,
): WantedService[] {
  const { statements, included } = parseKeepalived(files, main);
  checkGlobals(statements, main, paths);
  const blocks = new Map<string, Statement>();
  for (const statement of statements.filter(({ words }) => words[0] === 'virtual_server')) {
    const [, kind, mark = ''] = statement.words;
    if (kind !== 'fwmark' || statement.words.length !== 3 || blocks.has(mark))
      throw new TextFault(
        statement,
        `"${statement.words.join(' ')}" is not one of the wanted virtual services`,
      );
    blocks.set(mark, statement);
  }
  const wanted = virtualServices.map((service) => {
    const block = blocks.get(String(service.mark));
    if (!block) {
      const file = virtualServiceFile(service);
      const at = whole(included.has(file) ? file : main);
      throw new TextFault(at, `no "virtual_server fwmark ${service.mark}" for port ${service.key}`);
    }
    blocks.delete(String(service.mark));
    return readVirtualServer(block, service);
  });
  for (const extra of blocks.values())
    throw new TextFault(extra, `"${extra.words.join(' ')}" is not one of the wanted virtual services`);
  return wanted;
}

function checkGlobals(statements: readonly Statement[], main: string, { notifyFifo }: RenderPaths) {
  const globals = statements
    .filter(({ words }) => words[0] === 'global_defs')
    .flatMap(({ block }) => block ?? []);
  // Without these two nobody would know which servers keepalived's checks took out.
  if (one(globals, 'lvs_notify_fifo')?.words[1] !== notifyFifo)
    throw new TextFault(whole(main), `no "lvs_notify_fifo ${notifyFifo}" in global_defs`);
  if (!globals.some(({ words }) => words[0] === 'rs_init_notifies'))
    throw new TextFault(whole(main), 'no "rs_init_notifies" in global_defs');
  const flush = globals.find(({ words }) => /^lvs_flush(_on_?stop)?$/.test(words[0] ?? ''));
  if (flush) throw new TextFault(flush, `"${flush.words[0]}": rules must outlive a restart of keepalived`);
}

function readVirtualServer(at: Statement, service: VirtualService): WantedService {
  const { block = [] } = at;
  checkMethod(block);
  const sorry = block.find(({ words }) => words[0] === 'sorry_server');
  if (sorry) throw new TextFault(sorry, '"sorry_server" is not a server of the Service');
  refuseKeywords(block);
  const scheduling = readScheduling(block, at);
  const usual = {
    weight: number(one(block, 'weight'), 1),
    inhibitOnFailure: flag(one(block, 'inhibit_on_failure')),
  };
  const found = new Map<string, Statement>();
  for (const server of block) {
    if (server.words[0] !== 'real_server') continue;
    const place = placeOf(server);
    if (found.has(place)) throw new TextFault(server, `"real_server ${place}" is there twice`);
    found.set(place, server);
  }
  const realServers = service.realServers.map((wanted) => {
    const place = `${wanted.address} ${wanted.port}`;
    const server = found.get(place);
    if (!server) throw new TextFault(at, `no "real_server ${place}"`);
    found.delete(place);
    return readRealServer(server, wanted, usual);
  });
  for (const [place, extra] of found) throw new TextFault(extra, `"real_server ${place}" is not wanted`);
  return { mark: service.mark, ...scheduling, realServers };
}

function placeOf({ words }: Statement): string {
  return words.length === 3 ? `${words[1]} ${words[2]}` : words.slice(1).join(' ');
}

/** `usual`: what holds for a server that says nothing of it. */
function readRealServer(
  at: Statement,
  wanted: VirtualService['realServers'][number],
  usual: Pick<WantedDestination, 'weight' | 'inhibitOnFailure'>,
): WantedDestination {
  const { block = [] } = at;
  checkMethod(block);
  const weight = number(one(block, 'weight'), usual.weight);
  if (weight !== wanted.weight) throw new TextFault(at, `weight ${weight} instead of ${wanted.weight}`);
  const check = block.find(isCheck);
  if (check && wanted.state === 'draining')
    throw new TextFault(
      check,
      'a draining server must have no check: it may have closed its listener, its flows live on',
    );
  const inhibits = one(block, 'inhibit_on_failure');
  return {
    address: wanted.address,
    port: wanted.port,
    weight,
    upperThreshold: number(one(block, 'uthreshold'), 0),
    lowerThreshold: number(one(block, 'lthreshold'), 0),
    inhibitOnFailure: inhibits ? flag(inhibits) : usual.inhibitOnFailure,
  };
}

function checkMethod(block: readonly Statement[]) {
  const other = block.find(
    ({ words }) => method.includes(words[0] ?? '') && words.slice(1).join(' ') !== 'NAT',
  );
  if (other) throw new TextFault(other, `"${other.words.join(' ')}" where forwarding.method says nat`);
}

function whole(file: string) {
  return { file, line: 0 };
}
