/**
 * The settings with the peers' addresses and passwords, looked at again when any of them may have changed; what is
 * refused changes nothing.
 */
import type { Problem } from '../common/problem.ts';
import type { BgpSettings, Settings } from '../common/settings.ts';
import { watchSettings as watchFile } from '../common/settings-file.ts';
import { followNames, type PeerNamesParts } from './peer-names.ts';
import { findPeers, type NameNote } from './peers.ts';
import { chooseNextHop, type Identity } from './routes.ts';
import type { SpeakerSettings } from './speaker.ts';

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
  /** What stands against the peers' names now, again and again. */
  onNotes(notes: NameNote[]): void;
  dns?: Omit<PeerNamesParts, 'onChange'>;
}

export async function watchSettings(parts: SourceParts): Promise<{ close(): Promise<void> }> {
  let settings: Settings | undefined;
  /** Against the file itself; what is below belongs to its last good content. */
  let refused: Problem[] = [];
  let last = '';
  let lastProblems = '';
  let turn: Promise<void> = Promise.resolve();
  const loadNext = () => {
    turn = turn.then(load);
  };
  const names = followNames({ ...parts.dns, onChange: loadNext });

  async function load(): Promise<void> {
    const result = settings && (await complete(settings));
    tell([...refused, ...(Array.isArray(result) ? result : [])]);
    if (result === undefined || Array.isArray(result)) return;
    const text = JSON.stringify(result);
    if (text === last) return;
    last = text;
    parts.onSettings(result);
  }

  function tell(found: Problem[]): void {
    const told = found.map(({ message }) => message).join('\n');
    if (told !== lastProblems) parts.onProblems(found);
    lastProblems = told;
  }

  /** With what the file does not have; or what stands against it in this pod. */
  async function complete(given: Settings): Promise<SidecarSettings | Problem[]> {
    const { bgp } = given;
    await names.follow(bgp?.peers.flatMap(({ host }) => host ?? []) ?? []);
    if (bgp === undefined) return { settings: given, speaker: undefined };
    const { peers, refused: found, notes } = await findPeers(given.vip, bgp, parts.identity.podIP, names);
    parts.onNotes(notes);
    found.unshift(...checkNextHop(bgp, parts.identity));
    if (found.length > 0) return found;
    const { localAS, holdSeconds } = bgp;
    return { settings: given, speaker: { localAS, holdSeconds, address: parts.identity.podIP, peers } };
  }

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
      names.close();
      await watcher.close();
    },
  };
}

/** What the schema cannot know: who we are. */
function checkNextHop(bgp: BgpSettings, identity: Identity): Problem[] {
  try {
    chooseNextHop(bgp.nextHop, identity);
    return [];
  } catch (problem) {
    return [problem as Problem];
  }
}
