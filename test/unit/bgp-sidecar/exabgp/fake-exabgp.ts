/**
 * ExaBGP at its edge: `fake-exabgp.ts --env FILE CONFIG`. It is its own helper, on the socket that the configuration
 * names. What it does is in the file `behaviour` beside the configuration: mute | refuse | forget (it acknowledges and
 * tells nobody) | exit | well; what it was told is appended to `commands`.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';

const configFile = process.argv.at(-1) ?? '';
const directory = dirname(configFile);
const readConfig = () => readFileSync(configFile, 'utf8');
const behaviour = () => readFileSync(join(directory, 'behaviour'), 'utf8').trim();
if (behaviour() === 'exit') process.exit(0);
const socket = connect(/UNIX-CONNECT:([^;]+);/.exec(readConfig())?.[1] ?? '');
/** Definitions by address. */
const readPeers = () =>
  new Map(
    [...readConfig().matchAll(/^neighbor (\S+) \{[\s\S]*?^\}/gm)].map(([text, address = '']) => [
      address,
      text,
    ]),
  );
let definitions = readPeers();
let peers = [...definitions.keys()];

process.on('SIGTERM', () => process.exit(0));
process.on('SIGUSR1', () => {
  const before = definitions;
  definitions = readPeers();
  peers = [...definitions.keys()];
  console.log('08:58:26 | 1      | reactor         | loaded new configuration successfully');
  for (const [peer, text] of before)
    if (definitions.get(peer) !== text) event('state', peer, '"state": "down", "reason": "peer reset"');
  const anew = peers.filter((peer) => before.get(peer) !== definitions.get(peer));
  setTimeout(() => {
    for (const peer of anew) event('state', peer, '"state": "up"');
  }, 50);
});

function say(...lines: string[]): void {
  for (const line of lines) socket.write(`${line}\n`);
}

function event(type: string, peer: string | undefined, rest: string): void {
  say(
    `{ "type": "${type}", "neighbor": { "address": { "local": "10.0.0.11", "peer": "${peer}" }, ${rest} } }`,
  );
}

function answer(command: string): void {
  if (command !== '') appendFileSync(join(directory, 'commands'), `${command}\n`);
  if (behaviour() === 'mute') return;
  if (command.startsWith('show')) {
    say('Peer            AS        up/down state       |     #sent     #recvd');
    for (const peer of peers) say(`${peer}      64512        down established           1          1`);
    say('done');
  } else if (command === '' || behaviour() === 'refuse') say('error');
  else carryOut(command);
}

function carryOut(command: string): void {
  say('done');
  if (behaviour() === 'forget') return;
  const [, announced, nextHop, preference] =
    /^announce route (\S+) next-hop (\S+) local-preference (\d+)/.exec(command) ?? [];
  const withdrawn = /^withdraw route (\S+)/.exec(command)?.[1];
  const update = announced
    ? `"attribute": { "local-preference": ${preference} }, "announce": { "ipv4 unicast": { "${nextHop}": [ { "nlri": "${announced}" } ] } }`
    : `"withdraw": { "ipv4 unicast": [ { "nlri": "${withdrawn}" } ] }`;
  for (const peer of peers)
    event('update', peer, `"direction": "send", "message": { "update": { ${update} } }`);
}

socket.on('close', () => process.exit(1));
createInterface({ input: socket }).on('line', answer);
for (const peer of peers) event('state', peer, '"state": "up"');
