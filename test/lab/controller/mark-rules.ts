/** Which port gets which mark, by the kernel's own rules: nft's or iptables-legacy's words, read by the test itself. */
import type { Role } from '../../../lab/api.ts';

/** 'TCP/80' → mark */
export async function readMarks(role: Role): Promise<Record<string, number>> {
  const text = await role.exec([
    'sh',
    '-c',
    'nft -nn list table ip portable_lb 2>/dev/null || iptables-legacy-save -t mangle',
  ]);
  const marks: Record<string, number> = {};
  for (const [, protocol = '', port, mark] of text.matchAll(
    /(tcp|udp) (?:.*--)?dport (\d+) (?:-j MARK --set-x?mark|meta mark set) (0x[0-9a-f]+|\d+)/g,
  ))
    marks[`${protocol.toUpperCase()}/${port}`] = Number(mark);
  return marks;
}
