/**
 * What runs in ExaBGP's Python before ExaBGP, and makes it do what it has no option for. Where a version has other
 * names, it does without; at the worst ExaBGP starts by its own program.
 *
 * - Python older than 3.11 would import from the working directory before all else.
 * - A peer that comes back shall have the routes within seconds. ExaBGP waits longer after each session that ended or
 *   failed, up to 60 s, and never begins anew (reactor/delay.py); RFC 4271 suggests 120 s (ConnectRetryTimer), for
 *   routers with whole tables. Here an attempt costs each end a few packets: at once, after 1 s, then every 2 s. Where a
 *   peer refuses, or sessions end within a minute of their begin, it stays as it is (DampPeerOscillations of the RFC):
 *   neither routes nor logs shall change every 2 s.
 * - To a peer that is silent the kernel sends its SYN after ever longer pauses, for two minutes. With one repetition
 *   (tcp(7), TCP_SYNCNT) it gives up after 3 s, or 7 where tcp_syn_linear_timeouts adds four, and the next attempt begins.
 * - ExaBGP 4.2 needs four fifths of its start for its own command line: docopt multiplies out every option of the usage
 *   text. Ours is always the same, so docopt is told what it would find.
 */
export const starter = `import sys
sys.path[:] = filter(None, sys.path)
from collections import defaultdict
program, *given = sys.argv = sys.argv[1:]
try:
    import socket, time
    from exabgp.reactor.network import outgoing
    from exabgp.reactor.peer import Delay, Peer
    Delay()._next
    reset, create = Peer._reset, outgoing.create
    def reset_impatient(peer, message='', error=''):
        up = peer.stats.get('complete')
        if time.time() - up > 60 if up else message == 'closing connection':
            peer._delay._next = min(peer._delay._next, 2)
        reset(peer, message, error)
    def create_impatient(*family):
        io = create(*family)
        io.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        return io
    Peer._reset, outgoing.create = reset_impatient, create_impatient
except Exception:
    pass
try:
    from exabgp.vendoring import docopt
    from exabgp.application import run_exabgp as start
    found = defaultdict(lambda: None, {given[0]: given[1], '<configuration>': given[2:]})
    docopt.docopt = lambda usage, **options: found
except ImportError:
    def start():
        with open(program, 'rb') as file:
            exec(compile(file.read(), program, 'exec'), {'__name__': '__main__'})
sys.exit(start())
`;
