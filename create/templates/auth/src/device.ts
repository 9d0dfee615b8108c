import {SessionComponent, type Request, type Session} from 'espalier';

/** With what a session was signed in, for the list of devices. */
@SessionComponent('device')
export class Device {
  agent = '';
}

/** Notes the browser in a session that has just been signed in. */
export async function noteDevice(session: Session, request: Request): Promise<void> {
  const agent = (request.headers['user-agent'] ?? '').slice(0, 256);
  await session.update(Device, device => {
    device.agent = agent;
  });
}
