import { podManifest } from '../containers/pod-manifest.ts';
import { probe } from '../containers/probe.ts';
import type { LabLbPod } from './lb-pod.ts';

const probeEveryMs = 200;
/** A kubelet's failureThreshold, for a container that does not answer in time: a busy machine is no reason to be unready. */
const silencesAllowed = 3;
const defaultPorts = { controller: 9440, sidecar: 9441 };

/**
 * The kubelet's part: asks both containers' /readyz and keeps the pod's manifest on its node up to date. Ready
 * needs one good answer of each, unready one bad (the lab wants to see it at once) or three timeouts in a row.
 */
export class LbPodStatus {
  isReady = false;
  /** Why it is not ready, for a person. */
  why = 'not asked yet';
  readonly #pod: LabLbPod;
  #readySince = new Date().toISOString();
  #terminatingSince: string | undefined;
  #graceSeconds = 30;
  #timer: NodeJS.Timeout | undefined;
  readonly #silences = { controller: 0, sidecar: 0 };
  #state: 'new' | 'known' | 'gone' = 'new';

  constructor(pod: LabLbPod) {
    this.#pod = pod;
  }

  port(container: 'controller' | 'sidecar'): number {
    const health = this.#pod.settings.health as { controllerPort?: number; sidecarPort?: number } | undefined;
    const set = container === 'controller' ? health?.controllerPort : health?.sidecarPort;
    return set ?? defaultPorts[container];
  }

  start(): void {
    this.#state = 'known';
    this.write();
    this.#plan();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  terminating(graceSeconds: number): void {
    this.#graceSeconds = graceSeconds;
    this.#terminatingSince = new Date().toISOString();
    this.write();
  }

  gone(): void {
    this.stop();
    this.#state = 'gone';
    this.isReady = false;
    this.why = 'the pod is gone';
    this.#pod.node.writePodManifest(this.#pod.name, undefined);
  }

  #plan(): void {
    this.#timer = setTimeout(() => void this.#ask(), probeEveryMs);
    this.#timer.unref();
  }

  async #ask(): Promise<void> {
    const [controller, sidecar] = await Promise.all([
      this.#problemOf('controller'),
      this.#problemOf('sidecar'),
    ]);
    if (this.#state !== 'known' || this.#timer === undefined) return;
    const problems = [controller, sidecar].filter((problem) => problem !== undefined);
    this.why = problems.join('; ');
    if (this.isReady !== (problems.length === 0)) {
      this.isReady = problems.length === 0;
      this.#readySince = new Date().toISOString();
      this.write();
    }
    this.#plan();
  }

  async #problemOf(container: 'controller' | 'sidecar'): Promise<string | undefined> {
    try {
      const { status, body } = await probe(this.#pod.address, this.port(container), '/readyz');
      this.#silences[container] = 0;
      return status === 200 ? undefined : `${container}: ${status} ${body.trim()}`;
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      const isSilent = code === undefined;
      this.#silences[container] = isSilent ? this.#silences[container] + 1 : 0;
      const forgiven = this.isReady && isSilent && this.#silences[container] < silencesAllowed;
      return forgiven ? undefined : `${container}: ${message}`;
    }
  }

  write(): void {
    if (this.#state !== 'known') return;
    const pod = this.#pod;
    const vip = pod.settings.vip as { prefixes: string[] };
    pod.node.writePodManifest(
      pod.name,
      podManifest({
        name: pod.name,
        service: pod.service,
        prefixes: vip.prefixes,
        nodeName: pod.node.name,
        nodeIP: pod.node.address,
        podIP: pod.address,
        isReady: this.isReady,
        readySince: this.#readySince,
        graceSeconds: this.#graceSeconds,
        ...(this.#terminatingSince === undefined ? {} : { terminatingSince: this.#terminatingSince }),
      }),
    );
  }
}
