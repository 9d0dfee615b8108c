import {once} from 'node:events';
import {setImmediate as turn} from 'node:timers/promises';
import {Child, Get, Post, Resource, SessionComponent, SessionService, use, type Request} from 'espalier';
import {Socket} from 'espalier/builtin';
import type {WebSocket} from 'ws';

@SessionComponent('count')
class Count {
  n = 0;
}

@Resource()
class Said {
  @Post({status: 201}) say(request: Request) {
    return request.json();
  }
}

@Resource()
class Stream {
  @Get() async *read() {
    yield 'one ';
    await turn();
    yield 'two';
  }
}

@Resource()
class SignIn {
  constructor(private readonly sessions = use(SessionService)) {}

  @Post() async signIn() {
    await this.sessions.signIn('ada');
    return 'signed in';
  }
}

@Resource()
class User {
  constructor(private readonly sessions = use(SessionService)) {}

  @Get() async show() {
    return (await this.sessions.findSession())?.user ?? 'nobody';
  }
}

@Resource()
class Talk {
  @Socket() async talk(socket: WebSocket) {
    const [text] = (await once(socket, 'message')) as [Buffer];
    socket.send(String(text));
  }
}

/** A count for each visitor, and what else a runtime has to do. */
@Resource()
@Child('said', Said)
@Child('stream', Stream)
@Child('sign-in', SignIn)
@Child('user', User)
@Child('talk', Talk)
export class Home {
  constructor(private readonly sessions = use(SessionService)) {}

  @Get() async count() {
    const session = await this.sessions.getSession();
    let seen = 0;
    await session.update(Count, count => {
      seen = count.n += 1;
    });
    return String(seen);
  }
}
