// What the validated order has to be, for all peers that run on Node.
import {z} from 'zod';

export const order = z.object({
  number: z.int(),
  customer: z.object({name: z.string(), street: z.string(), town: z.string()}),
  lines: z.array(z.object({sku: z.string(), count: z.int().min(1), price: z.number()})),
});
