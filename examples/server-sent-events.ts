// Run it with `npm run example server-sent-events`, and open the page twice.
import {EventEmitter, on} from 'node:events';
import {Child, ContainerModule, Get, Post, Resource, html, inject, injectable, serve, type Request} from 'espalier';
import {sse, type ServerSentEvent} from 'espalier/builtin';

/** What was said, and who hears of more. */
@injectable()
class Talk {
  readonly #said: string[] = [];
  readonly #emitter = new EventEmitter().setMaxListeners(0);

  say(text: string): void {
    const id = this.#said.push(text);
    this.#emitter.emit('said', {id, event: 'said', data: {text}});
  }

  /** What was said after that id, and then whatever is said, until the signal is aborted. */
  async *since(id: number, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
    // Listen first: so nothing is lost that is said meanwhile.
    const more = on(this.#emitter, 'said', {signal});
    for (const [at, text] of this.#said.entries()) {
      if (at >= id) yield {id: at + 1, event: 'said', data: {text}};
    }
    for await (const [event] of more) yield event as ServerSentEvent;
  }
}

@Resource()
class Events {
  constructor(@inject(Talk) private readonly talk: Talk) {}

  @Get()
  events() {
    return sse((lastEventId, signal) => this.talk.since(Number(lastEventId ?? 0), signal));
  }
}

@Resource()
class Countdown {
  /** A source may be any iterable; this one comes to its end. */
  @Get()
  count() {
    return sse(this.#numbers());
  }

  async *#numbers(): AsyncGenerator<ServerSentEvent> {
    for (let number = 3; number > 0; number -= 1) yield {data: number, ...(number === 3 && {retry: 60_000})};
  }
}

@Resource()
@Child('events', Events)
@Child('countdown', Countdown)
class Home {
  constructor(@inject(Talk) private readonly talk: Talk) {}

  @Get()
  show() {
    return html`<!doctype html>
<title>Talk</title>
<form method="post"><input name="text" autofocus> <button>Say it</button></form>
<ul></ul>
<script>
  new EventSource('/events').addEventListener('said', ({data}) => {
    document.querySelector('ul').append(Object.assign(document.createElement('li'), {textContent: JSON.parse(data).text}));
  });
</script>`;
  }

  @Post({status: 202})
  async say(request: Request) {
    this.talk.say(String((await request.form()).get('text')));
    return 'Said.';
  }
}

await serve(Home, {modules: [new ContainerModule(({bind}) => void bind(Talk).toSelf().inSingletonScope())]});
