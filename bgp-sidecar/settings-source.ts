/** The settings and the passwords that they name, read again when they change; what is refused changes nothing. */
import { readFile } from 'node:fs/promises';
import { describeSystemError } from '../common/files.ts';
import type { Problem } from '../common/problem.ts';
import type { BgpSettings, Settings } from '../common/settings.ts';
import { watchSettings as watchFile } from '../common/settings-file.ts';
import { problems } from './errors.ts';
import { chooseNextHop, type Identity } from './routes.ts';
import type { SpeakerPeer, SpeakerSettings } from './speaker.ts';

/** The kubelet changes a Secret without a word about the settings. */
const rereadMs = 5_000;

export interface SidecarSettings {
  settings: Settings;
  /** undefined: the settings have no bgp, nothing is announced */
  speaker: SpeakerSettings | undefined;
}

export interface SourceParts {
  file: string;
  identity: Identity;
  onSettings(settings: SidecarSettings): void;
  /** Once for each different set of problems; [] when they are gone. */
  onProblems(found: Problem[]): void;
}

export async function watchSettings(parts: SourceParts): Promise<{ close(): Promise<void> }> {
  let settings: Settings | undefined;
  /** Against the file itself; what is below belongs to its last good content. */
  let refused: Problem[] = [];
  let last = '';
  let lastProblems = '';
  let turn: Promise<void> = Promise.resolve();

  async function load(): Promise<void> {
    const result = settings && (await complete(settings, parts.identity));
    const found = [...refused, ...(Array.isArray(result) ? result : [])];
    const told = found.map(({ message }) => message).join('\n');
    if (told !== lastProblems) parts.onProblems(found);
    lastProblems = told;
    if (result === undefined || Array.isArray(result)) return;
    const text = JSON.stringify(result);
    if (text === last) return;
    last = text;
    parts.onSettings(result);
  }

  const loadNext = () => {
    turn = turn.then(load);
  };
  const watcher = await watchFile(parts.file, {
    onSettings(read) {
      [settings, refused] = [read, []];
      loadNext();
    },
    onRefused(found) {
      refused = found;
      loadNext();
    },
  });
  await turn;
  const timer = setInterval(loadNext, rereadMs);
  return {
    async close() {
      clearInterval(timer);
      await watcher.close();
    },
  };
}

/** With the passwords, and what stands against them in this pod. */
async function complete(settings: Settings, identity: Identity): Promise<SidecarSettings | Problem[]> {
  if (settings.bgp === undefined) return { settings, speaker: undefined };
  const refused = checkBgp(settings.bgp, identity);
  if (refused.length > 0) return refused;
  const peers: SpeakerPeer[] = [];
  for (const { address, port, peerAS, passwordFile } of settings.bgp.peers) {
    const password = passwordFile === undefined ? undefined : await readPassword(address, passwordFile);
    if (typeof password === 'object') refused.push(password);
    else peers.push({ address, port, peerAS, password });
  }
  if (refused.length > 0) return refused;
  const { localAS, holdSeconds } = settings.bgp;
  return { settings, speaker: { localAS, holdSeconds, address: identity.podIP, peers } };
}

/** What the schema cannot know: who we are. */
function checkBgp(bgp: BgpSettings, identity: Identity): Problem[] {
  const found: Problem[] = [];
  for (const { address } of bgp.peers) {
    if (address === identity.podIP) found.push(problems.PEER_SELF(address));
  }
  try {
    chooseNextHop(bgp.nextHop, identity);
  } catch (problem) {
    found.push(problem as Problem);
  }
  return found;
}

async function readPassword(peer: string, file: string): Promise<string | Problem> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    return problems.PASSWORD_UNREADABLE(peer, file, describeSystemError(error));
  }
  // a Secret made by `echo` or an editor ends in a newline that is not part of it
  const password = text.replace(/\r?\n$/, '');
  const bytes = Buffer.byteLength(password);
  // TCP_MD5SIG_MAXKEYLEN, include/uapi/linux/tcp.h
  return bytes >= 1 && bytes <= 80 ? password : problems.PASSWORD_LENGTH(peer, file, bytes);
}
