// Run it with `npm run example running-on-many-machines`; Redis is where REDIS_URL says, or on this machine.
import cluster from 'node:cluster';
import {
  ContainerModule,
  Get,
  Resource,
  SessionComponent,
  SessionService,
  SessionStore,
  inject,
  serve,
  type Request,
  type Response,
} from 'espalier';
import {RedisStore} from 'espalier/store/redis';

@SessionComponent('visits')
class Visits {
  count = 0;
}

@Resource()
class CountVisits {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get()
  async count(_request: Request, response: Response) {
    const session = await this.sessions.getSession();
    const {count} = await session.update(Visits, visits => visits.count++);
    response.setHeader('Served-By', `process ${process.pid}`);
    return `Visit ${count}.`;
  }
}

const url = process.env['REDIS_URL'] ?? RedisStore.defaults.url;
const services = new ContainerModule(({bind}) => {
  bind(SessionStore)
    .toResolvedValue(() => new RedisStore({url}))
    .inSingletonScope();
});

if (cluster.isPrimary) for (let i = 0; i < 2; i += 1) cluster.fork();
else await serve(CountVisits, {modules: [services]});
