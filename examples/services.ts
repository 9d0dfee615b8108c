// Run it with `npm run example services`, and end it with Ctrl+C.
import {setTimeout as later} from 'node:timers/promises';
import {Child, ContainerModule, Get, Logger, Resource, inject, preDestroy, serve} from 'espalier';

/** In place of a driver's: it takes a while to connect, and to close. */
class Database {
  readonly #articles = new Map([['1', 'A watering can']]);

  static async connect(): Promise<Database> {
    await later(10);
    return new Database();
  }

  async title(id: string): Promise<string | undefined> {
    return this.#articles.get(id);
  }

  async close(): Promise<void> {
    await later(10);
    console.log('The database is closed.');
  }
}

class Articles {
  #asked = 0;

  constructor(
    @inject(Database) private readonly database: Database,
    @inject(Logger) private readonly logger: Logger,
  ) {}

  async find(id: string): Promise<string | undefined> {
    this.#asked += 1;
    const title = await this.database.title(id);
    if (title === undefined) this.logger.warn(`There is no article ${id}.`);
    return title;
  }

  @preDestroy()
  async end(): Promise<void> {
    await later(10);
    console.log(`Articles were asked for ${this.#asked} times.`);
  }
}

@Resource()
class Article {
  constructor(private readonly title: string) {}

  @Get()
  show() {
    return this.title;
  }
}

@Resource()
class Shop {
  constructor(@inject(Articles) private readonly articles: Articles) {}

  @Get()
  greet() {
    return 'Welcome.';
  }

  @Child(':id', Article)
  async article(id: string) {
    const title = await this.articles.find(id);
    return title === undefined ? undefined : new Article(title);
  }
}

/** A line of JSON for each thing that an operator should know. */
const logger: Logger = {
  error: (message, error) => console.log(JSON.stringify({level: 'error', message, reason: String(error)})),
  warn: message => console.log(JSON.stringify({level: 'warn', message})),
};

const database = await Database.connect();
const services = new ContainerModule(({bind}) => {
  bind(Database)
    .toConstantValue(database)
    .onDeactivation(async opened => opened.close());
  bind(Articles).toSelf().inSingletonScope();
  bind(Logger).toConstantValue(logger);
});

await serve(Shop, {modules: [services]});
