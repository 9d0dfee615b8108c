// Run it with `npm run example where-is-the-current-request`.
import {Child, Get, Resource, SessionService, inject, serve, type EspalierError, type Request} from 'espalier';

/** The smallest driver with callbacks. It calls all of them where its connection was opened: in the first visitor's request. */
class Database {
  readonly #waiting: ((rows: number) => void)[] = [];
  #isOpen = false;

  query(done: (rows: number) => void): void {
    if (!this.#isOpen) setInterval(() => this.#waiting.splice(0).forEach(call => call(42)), 5).unref();
    this.#isOpen = true;
    this.#waiting.push(done);
  }
}

const database = new Database();
const queried = () => new Promise<number>(resolve => database.query(resolve));

@Resource()
class ByPromise {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async show() {
    const rows = await queried();
    const session = await this.sessions.getSession();
    return {rows, uid: session.uid};
  }
}

@Resource()
class ByCallback {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  show() {
    return new Promise(resolve => {
      database.query(() => {
        this.sessions.getSession().catch(({code}: EspalierError) => resolve(code));
      });
    });
  }
}

@Resource()
class ByCallbackWithRequest {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  show(request: Request) {
    return new Promise((resolve, reject) => {
      database.query(rows => {
        this.sessions.getSession(request).then(({uid}) => resolve({rows, uid}), reject);
      });
    });
  }
}

@Resource()
@Child('by-promise', ByPromise)
@Child('by-callback', ByCallback)
@Child('by-callback-with-request', ByCallbackWithRequest)
class Root {}

await serve(Root);
