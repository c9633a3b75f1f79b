/** The data centre as it stands, in text: made from the roles that the lab really has. */
import type { Lab } from '../api.ts';

export function drawPicture(lab: Lab): string {
  const lines: string[] = [];
  for (const client of lab.clients) lines.push(`${client.name} ${client.address}`);
  const [router] = lab.routers;
  const head = `${router?.name} ${router?.address} (${router?.software}) ── iBGP, add-path ──┐`;
  const reflectors = lab.reflectors.map(({ name, address, software }) => `${name} ${address} (${software})`);
  const corner = head.length - 1;
  lines.push(' │', head, `${' │ ECMP, one next-hop per node with LB pods'.padEnd(corner)}│`);
  lines.push(`${' │'.padEnd(corner)}${reflectors.join(', ')}`);
  for (const [i, node] of lab.nodes.entries()) {
    const last = i === lab.nodes.length - 1;
    lines.push(` ${last ? '└' : '├'}─ ${node.name} ${node.address}, pods ${node.podCidr}`);
    const pods = [
      ...lab.lbPods
        .filter((pod) => pod.node === node && pod.state !== 'gone')
        .map((pod) => `${pod.name} ${pod.address} (LB pod)`),
      ...lab.services.flatMap((service) =>
        service.servers
          .filter((server) => server.node === node)
          .map((server) => `${server.name} ${server.address}`),
      ),
    ];
    for (const pod of pods) lines.push(` ${last ? ' ' : '│'}     · ${pod}`);
  }
  return lines.join('\n');
}
