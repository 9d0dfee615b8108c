// Run it with `npm run example the-tree`.
import {Child, ContainerModule, Get, Resource, inject, serve, type Request} from 'espalier';

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

/** Who is known; an application has this in its database. */
class Names {
  readonly #names = new Map([
    ['ada', 'Ada Lovelace'],
    ['grace', 'Grace Hopper'],
  ]);

  async all() {
    return [...this.#names.keys()];
  }

  async find(name: string) {
    return this.#names.get(name);
  }
}

@Resource()
class People {
  constructor(@inject(Names) private readonly names: Names) {}

  @Get()
  list() {
    return this.names.all();
  }

  @Child(':name', Profile)
  async find(segment: string) {
    const name = await this.names.find(segment);
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

const services = new ContainerModule(({bind}) => {
  bind(Names).toSelf().inSingletonScope();
});

await serve(Home, {modules: [services]});
