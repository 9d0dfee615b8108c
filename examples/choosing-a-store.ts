// Run it with `npm run example choosing-a-store`; STORE may be memory, sqlite, redis or postgres, and SQLITE_FILE,
// REDIS_URL and DATABASE_URL say where.
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {ContainerModule, Get, Resource, SessionComponent, SessionService, SessionStore, inject, serve} from 'espalier';

@SessionComponent('visits')
class Visits {
  count = 0;
}

@Resource()
class CountVisits {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async count() {
    const session = await this.sessions.getSession();
    const {count} = await session.update(Visits, visits => visits.count++);
    return `Visit ${count}.`;
  }
}

async function makeStore(name: string): Promise<SessionStore> {
  if (name === 'redis') {
    const {RedisStore} = await import('espalier/store/redis');
    return new RedisStore({url: process.env['REDIS_URL'] ?? RedisStore.defaults.url});
  }
  if (name === 'postgres') {
    const {PostgresStore} = await import('espalier/store/postgres');
    return new PostgresStore({url: process.env['DATABASE_URL'] ?? 'postgres://localhost/postgres'});
  }
  if (name === 'sqlite') {
    const {SqliteStore} = await import('espalier/store/sqlite');
    return new SqliteStore({path: process.env['SQLITE_FILE'] ?? join(tmpdir(), `visits-${process.pid}.db`)});
  }
  const {MemoryStore} = await import('espalier/store/memory');
  return new MemoryStore();
}

const store = await makeStore(process.env['STORE'] ?? 'sqlite');
const services = new ContainerModule(({bind}) => {
  bind(SessionStore).toConstantValue(store);
});

await serve(CountVisits, {modules: [services]});
