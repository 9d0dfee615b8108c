import {commandLine} from '../command-line.ts';
import {EspalierError} from '../errors.ts';
import type {Request} from '../http/request.ts';
import type {Response} from '../http/response.ts';
import type {Next} from '../resource/middleware.ts';
import {Resource} from '../resource/resource.ts';

/**
 * The same function, which makes a class. What it refuses it throws. Where the command line collects refusals, it tells of this one
 * and gives a class that may stand anywhere, so that the program goes on to the next.
 */
export function refusable<Given extends readonly unknown[], Made>(make: (...given: Given) => Made): typeof make {
  return (...given) => {
    try {
      return make(...given);
    } catch (error) {
      const {onRefusal} = commandLine();
      if (!onRefusal || !(error instanceof EspalierError)) throw error;
      onRefusal(error);
      return Refused as Made;
    }
  };
}

/** A resource, and middleware, that does nothing. */
@Resource()
class Refused {
  handle(_request: Request, _response: Response, next: Next) {
    return next();
  }
}
