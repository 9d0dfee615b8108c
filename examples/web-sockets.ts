// Run it with `npm run example web-sockets`, open it in two windows, and write.
import {once} from 'node:events';
import {
  Broadcast,
  Child,
  Get,
  Post,
  Resource,
  SessionService,
  Use,
  html,
  inject,
  serve,
  type Request,
  type Response,
} from 'espalier';
import {Socket, requireSignIn} from 'espalier/builtin';
import type {WebSocket} from 'ws';

interface Line {
  readonly from: string;
  readonly text: string;
}

@Resource()
class Room {
  constructor(
    @inject(SessionService) private readonly sessions: SessionService,
    @inject(Broadcast) private readonly broadcast: Broadcast,
  ) {}

  @Socket({maxPayload: 4096})
  async chat(socket: WebSocket, request: Request) {
    const {user} = await this.sessions.requireSignIn();
    const room = `room ${request.params['room']}`;
    socket.on('message', data => {
      void this.broadcast.publish(room, {from: user, text: String(data)});
    });
    for await (const line of this.broadcast.subscribe<Line>(room, request.signal)) {
      socket.send(JSON.stringify(line));
    }
  }
}

@Resource()
@Use(requireSignIn())
@Child(':room', Room)
class Rooms {}

@Resource()
class Echo {
  @Socket()
  async echo(socket: WebSocket) {
    const [first] = (await once(socket, 'message')) as [Buffer];
    socket.send(`You said ${first.toString()}.`);
    socket.close(1000, 'That was all.');
  }
}

@Resource()
@Child('rooms', Rooms)
@Child('echo', Echo)
class Chat {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const user = (await this.sessions.findSession())?.user;
    if (user === undefined)
      return html`<form method="post"><input name="name" required /><button>Come in</button></form>`;
    return html`<!doctype html>
      <title>Chat</title>
      <p>You are ${user}.</p>
      <ul></ul>
      <form><input /><button>Say it</button></form>
      <script>
        const socket = new WebSocket(location.origin.replace('http', 'ws') + '/rooms/kitchen');
        socket.onmessage = ({data}) => {
          const {from, text} = JSON.parse(data);
          document.querySelector('ul').append(Object.assign(document.createElement('li'), {textContent: from + ': ' + text}));
        };
        socket.onclose = ({code}) => code === 4401 && location.reload();
        document.querySelector('form').onsubmit = event => {
          event.preventDefault();
          const input = document.querySelector('input');
          socket.send(input.value);
          input.value = '';
        };
      </script>`;
  }

  @Post()
  async enter(request: Request, response: Response) {
    const name = (await request.form()).get('name');
    await this.sessions.signIn(typeof name === 'string' && name !== '' ? name : 'somebody');
    response.redirect('/');
  }
}

await serve(Chat);
