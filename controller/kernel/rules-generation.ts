/**
 * The number of this network namespace's nftables rules: the kernel counts every transaction that it commits
 * (net/netfilter/nf_tables_api.c, base_seq). While it stays, nobody has changed anything: one short request, where
 * `nft list` is a program to start.
 */
import { createNetlink, type NetlinkSocket } from 'netlink';
import { attributeSet, u32BigEndian } from './attributes.ts';
import { createRequestQueue, type RequestQueue, socketOptions } from './netlink.ts';

// include/uapi/linux/netlink.h, linux/netfilter/nfnetlink.h and nf_tables.h
const netfilter = 12; // NETLINK_NETFILTER
const getGeneration = (10 << 8) | 16; // NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN
const header = new Uint8Array(4); // struct nfgenmsg: family, version, resource
const answer = attributeSet({ generation: [1, u32BigEndian] }); // NFTA_GEN_ID

let opened: { socket: NetlinkSocket; queue: RequestQueue } | undefined;

/**
 * undefined: the kernel does not say (no nf_tables, no privilege, no answer). A network namespace begins with 1
 * (nf_tables_init_net), and each committed transaction adds one.
 */
export async function rulesGeneration(): Promise<number | undefined> {
  try {
    opened ??= open();
    const { socket, queue } = opened;
    const [[said]] = await queue.ask('number of the nftables rules', (options) =>
      socket.request(getGeneration, header, options),
    );
    return said && answer.decode(said.data.subarray(header.length)).generation;
  } catch {
    opened?.socket.close();
    opened = undefined; // by another socket at the next look
    return undefined;
  }
}

function open() {
  const socket = createNetlink(netfilter, socketOptions);
  return { socket, queue: createRequestQueue(socket.socket) };
}
