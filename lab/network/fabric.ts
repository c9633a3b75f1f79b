import type { LabContext } from '../context.ts';
import { run } from './command.ts';
import { addNamespace } from './namespaces.ts';
import { clientLan, fabric, macOf, podRoutes } from './plan.ts';

const ownInterface = 'lab0';
export const switchName = 'switch';

/**
 * The two switches, in a namespace of their own, and the lab's own place on the fabric: this process asks the pods'
 * health as the kubelets would.
 */
export async function connectLab(context: LabContext): Promise<void> {
  const name = context.namespace(switchName);
  await addNamespace({
    name,
    links: [],
    ip: ['fabric', 'clients'].flatMap((bridge) => [
      `link add ${bridge} type bridge`,
      `link set ${bridge} up`,
    ]),
  });
  await run(['ip', '-n', name, '-batch', '-'], {
    input: [
      `link add ${ownInterface} type veth peer name ${ownInterface} address ${macOf(fabric.lab)} netns ${process.pid}`,
      `link set ${ownInterface} master fabric up`,
      '',
    ].join('\n'),
  });
  await run(['ip', '-batch', '-'], {
    input: [
      `address add ${fabric.lab}/24 dev ${ownInterface}`,
      `link set ${ownInterface} up`,
      `route add ${clientLan.prefix} via ${fabric.router}`,
      ...podRoutes(),
      '',
    ].join('\n'),
  });
}
