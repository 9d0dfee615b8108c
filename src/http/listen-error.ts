import {commandLine} from '../command-line.ts';
import {EspalierError} from '../errors.ts';

/** What can be done about a system that refuses to listen. */
const waysOut: Readonly<Record<string, string>> = {
  EACCES:
    'Ports below 1024 are for those who may open them: take a higher one, have a proxy listen there, or allow it to Node (setcap cap_net_bind_service=+ep, AmbientCapabilities in systemd, net.ipv4.ip_unprivileged_port_start).',
  EADDRNOTAVAIL:
    'This machine does not have that address. 0.0.0.0 is all that it has, localhost those that only it reaches.',
  ENOTFOUND:
    'No address goes by that name. 0.0.0.0 is all that this machine has, localhost those that only it reaches.',
};

/** The error for a port and host that can't be listened at. */
export function listenError(cause: NodeJS.ErrnoException, port: number, host: string): EspalierError {
  if (cause.code === 'EADDRINUSE') {
    const another = commandLine().host ? '--port 8081' : 'PORT=8081';
    const wayOut = `Stop what listens there, or choose another port (${another}).`;
    return new EspalierError('PORT_TAKEN', `Port ${port} of ${host} is taken. ${wayOut}`, {cause});
  }
  const reason = `Can't listen on port ${port} of ${host}: ${cause.message.replace(/\.$/, '')}.`;
  const wayOut = waysOut[cause.code ?? ''];
  return new EspalierError('LISTEN_FAILED', wayOut ? `${reason} ${wayOut}` : reason, {cause});
}
