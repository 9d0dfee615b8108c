// Run it with `npm run example serving-a-resource`.
import {Child, Delete, Get, Post, Resource, createError, html, serve, type Request, type Response} from 'espalier';

@Resource()
class Notes {
  readonly #notes: string[] = [];

  @Get()
  list() {
    return this.#notes;
  }

  @Post()
  async add(request: Request, response: Response) {
    const {note} = Object(await request.json()) as {note?: unknown};
    if (typeof note !== 'string') throw createError(422, 'A note is a text.');
    this.#notes.push(note);
    response.status = 201;
    return {note, count: this.#notes.length};
  }

  @Delete()
  clear() {
    this.#notes.length = 0;
  }
}

@Resource()
@Child('notes', Notes)
class Home {
  @Get()
  greet(request: Request) {
    const name = request.query.get('name') ?? 'world';
    return html`<h1>Hello, ${name}!</h1>`;
  }
}

await serve(Home);
