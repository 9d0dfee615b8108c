/** A site that each command is tried on. What would be made says so. */
export const shop = `
import {Child, Get, Post, Resource, SessionService, Use, inject, injectable, serve} from 'espalier';
import type {Middleware, Next, Request, Response} from 'espalier';

const schema = {'~standard': {version: 1, vendor: 'shop', validate: (value: unknown) => ({value})}} as const;

@injectable()
class SignedIn implements Middleware {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {
    throw new Error('SignedIn was made.');
  }
  async handle(_request: Request, _response: Response, next: Next) { return next(); }
}

@injectable()
class Log implements Middleware {
  async handle(_request: Request, _response: Response, next: Next) { return next(); }
}

@Resource()
class New {
  @Get() form() { return 'form'; }
  @Post({body: schema, status: 201}) @Use(Log) make() { return 'made'; }
}

@Resource()
class Person {
  constructor(readonly name: string) {}
  @Get({query: schema}) show() { return this.name; }
}

@Resource({leaf: true})
class Files {
  @Get() read() { return 'read'; }
}

@Resource()
@Use(SignedIn)
@Child('new', New)
class People {
  @Get() list() { return []; }
  @Child(':name', Person) find(name: string) { return new Person(name); }
}

@Resource()
@Child('people', People)
@Child('files', Files)
class Shop {
  constructor() { throw new Error('Shop was made.'); }
  @Get() show() { return 'shop'; }
}

await serve(Shop, {use: [Log], port: 80});
`;
