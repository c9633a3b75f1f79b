/** keepalived's files of an earlier run, read without the manifests that they were made from. */
import { parseKeepalived, type Statement, TextFault } from './keepalived-text.ts';
import { mainFile } from './render.ts';
import { readRendered } from './rendered.ts';
import { isCheck, number, one } from './statements.ts';
import type { RealServer, RenderedFiles, RenderPaths, VirtualService, WantedService } from './types.ts';

export interface Inherited {
  readonly virtualServices: VirtualService[];
  readonly wanted: WantedService[];
}

/** Throws TextFault where the files do not stand as the controller writes them. */
export function readInherited(files: RenderedFiles, paths: RenderPaths): Inherited {
  const virtualServices = parseKeepalived(files, mainFile)
    .statements.filter(({ words }) => words[0] === 'virtual_server')
    .map(readVirtualService);
  return { virtualServices, wanted: readRendered(files, mainFile, virtualServices, paths) };
}

function readVirtualService({ words, block = [], ...at }: Statement): VirtualService {
  // template-context.ts names the files
  const [, protocol = '', port = ''] = /(tcp|udp)-(\d+)\.conf$/.exec(at.file) ?? [];
  if (protocol === '') throw new TextFault(at, `"${words.join(' ')}" is in no file of a port`);
  const upper = protocol.toUpperCase() as VirtualService['protocol'];
  return {
    key: `${upper}/${port}`,
    protocol: upper,
    port: Number(port),
    mark: Number(words[2]),
    realServers: block
      .filter((each) => each.words[0] === 'real_server')
      .map((server) => readRealServer(server, number(one(block, 'weight'), 1))),
  };
}

/** @param usual the weight of a server that says none */
function readRealServer({ words, block = [] }: Statement, usual: number): RealServer {
  const [, address = '', port] = words;
  const weight = number(one(block, 'weight'), usual);
  return {
    address,
    port: Number(port),
    weight,
    state: weight === 0 && !block.some(isCheck) ? 'draining' : 'active',
  };
}
