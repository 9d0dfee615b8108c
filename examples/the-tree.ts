// Run it with `npm run example the-tree`.
import {Child, Get, Resource, serve, type Request} from 'espalier';

@Resource()
class Archive {
  @Get()
  list(request: Request) {
    return `Everything from ${request.params['year']}`;
  }
}

@Resource({leaf: true})
class Files {
  @Get()
  show(request: Request) {
    return {walked: request.prepath, left: request.postpath};
  }
}

@Resource()
class Profile {
  constructor(private readonly name: string) {}

  @Get()
  show() {
    return `This is ${this.name}.`;
  }
}

@Resource()
class People {
  readonly #names = new Map([
    ['ada', 'Ada Lovelace'],
    ['grace', 'Grace Hopper'],
  ]);

  @Get()
  list() {
    return [...this.#names.keys()];
  }

  @Child(':name', Profile)
  async find(segment: string) {
    const name = this.#names.get(segment);
    return name === undefined ? undefined : new Profile(name);
  }
}

@Resource()
@Child('people', People)
@Child('files', Files)
@Child(':year', Archive)
class Home {
  @Get()
  welcome() {
    return 'Try /people, /people/ada, /1815 or /files/a/b.';
  }
}

await serve(Home);
