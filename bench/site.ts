// Espalier in the benchmark: every workload as a user of it would write it.
import {z} from 'zod';
import {files, requireSignIn} from '../src/builtin/index.ts';
import {Child, Get, inject, Post, Resource, SessionComponent, SessionService, Use, type Request} from '../src/index.ts';

@Resource()
class Ping {
  @Get() show() {
    return 'pong';
  }
}

@SessionComponent('count')
class Count {
  n = 0;
}

@Resource()
class Counting {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get() async show() {
    const session = await this.sessions.getSession();
    const {n} = await session.update(Count, count => count.n++);
    return String(n);
  }
}

@Resource()
class Order {
  @Post() async take(request: Request) {
    return {...((await request.json()) as object), state: 'taken'};
  }
}

const orderSchema = z.object({
  number: z.int(),
  customer: z.object({name: z.string(), street: z.string(), town: z.string()}),
  lines: z.array(z.object({sku: z.string(), count: z.int().min(1), price: z.number()})),
});

@Resource()
class ValidatedOrder {
  @Post({body: orderSchema}) take({body}: {body: z.output<typeof orderSchema>}) {
    return {...body, state: 'taken'};
  }
}

@Resource()
class SignIn {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Post() async enter() {
    await this.sessions.signIn('ada');
    return 'Welcome.';
  }
}

@Resource()
class MembersPage {
  @Get() show() {
    return 'for members';
  }
}

@Resource()
@Use(requireSignIn())
@Child('page', MembersPage)
class Members {}

@Resource()
class Label {
  @Get() show({params}: Request) {
    return `${params['shop']} ${params['item']}`;
  }
}

@Resource()
class Flat {
  @Get() show() {
    return 'corner tea pot';
  }
}

@Resource()
@Child('label', Label)
class Print {}

@Resource()
@Child('print', Print)
class Item {}

@Resource()
@Child(':item', Item)
class Items {}

@Resource()
@Child('items', Items)
class Stock {}

@Resource()
@Child('stock', Stock)
class Shop {}

@Resource()
@Child(':shop', Shop)
class Town {}

@Resource()
@Child('town', Town)
class Shops {}

@Resource()
class Page {
  @Get() show({segments}: Request) {
    return segments.at(-1)!;
  }
}

@Resource()
class Pages {}

for (let page = 0; page < 10_000; page += 1) Child(`page-${page}`, Page)(Pages);

/** The site. */
@Resource()
@Child('ping', Ping)
@Child('count', Counting)
@Child('order', Order)
@Child('validated', ValidatedOrder)
@Child('sign-in', SignIn)
@Child('members', Members)
@Child('files', files(process.env['FOLDER'] ?? '.'))
@Child('flat', Flat)
@Child('shops', Shops)
@Child('pages', Pages)
export class Root {
  constructor(@inject(SessionService) private readonly sessions: SessionService) {}

  @Get() async show() {
    const {uid} = await this.sessions.getSession();
    return `Your session id is: ${uid}`;
  }

  @Post() change() {
    return this.show();
  }
}
