import {
  createError,
  Get,
  Post,
  requestKey,
  Resource,
  Use,
  type Middleware,
  type MiddlewareClass,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {testSite} from 'espalier/testing';

export const trail = requestKey<string[]>('trail');

/** The class of a middleware that leaves its name, on the way in and on the way out. */
export function marking(name: string): MiddlewareClass {
  return class Marking implements Middleware {
    async handle(request: Request, response: Response, next: Next) {
      const names = request.get(trail) ?? [];
      request.set(trail, [...names, name]);
      try {
        return await next();
      } finally {
        response.appendHeader('X-Left', name);
      }
    }
  };
}

/** The class of a middleware that does this. */
export function acting(act: (request: Request, response: Response, next: Next) => unknown): MiddlewareClass {
  return class Acting implements Middleware {
    handle(request: Request, response: Response, next: Next) {
      return act(request, response, next);
    }
  };
}

/** The text of an answer. */
export async function textOf(answer: Promise<{text(): Promise<string>}>): Promise<string> {
  return (await answer).text();
}

/** Tells which names were left. */
@Resource()
export class Trail {
  @Get()
  tell(request: Request) {
    return (request.get(trail) ?? []).join(' ');
  }
}

/** A site whose root has this before it, and answers 'shown' to GET. */
export function behind(...middleware: MiddlewareClass[]) {
  @Use(...middleware)
  @Resource()
  class Root {
    @Get()
    show(_request: Request, response: Response) {
      response.setHeader('X-Shown', 'yes');
      return 'shown';
    }
    @Post()
    fail() {
      throw createError(409, 'Not twice.', {headers: {'Retry-After': '7'}});
    }
  }
  return testSite(Root);
}
