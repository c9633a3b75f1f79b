/** The rule tools that this kernel has to take: the old one knows iptables-legacy only. */
export function toolsHere(): readonly ('nft' | 'iptables')[] {
  return process.env.LAB_KERNEL === '6.1' ? ['iptables'] : ['nft', 'iptables'];
}
