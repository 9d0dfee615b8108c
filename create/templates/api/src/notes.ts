import {z} from 'zod';

/** A note, as clients send it. */
export const NewNote = z
  .object({
    title: z.string().trim().min(1).max(200),
    text: z.string().max(20_000).default(''),
  })
  .meta({id: 'NewNote'});

/** A note, as clients get it. */
export const Note = NewNote.extend({id: z.number().int(), changedAt: z.iso.datetime()}).meta({id: 'Note'});

export type Note = z.infer<typeof Note>;
export type NewNote = z.infer<typeof NewNote>;

/** Keeps the notes: in memory, until you put a database in its place. */
export class Notes {
  readonly #notes = new Map<number, Note>();
  #last = 0;

  list(most: number): Note[] {
    return [...this.#notes.values()].slice(0, most);
  }

  find(id: number): Note | undefined {
    return this.#notes.get(id);
  }

  add(note: NewNote): Note {
    this.#last += 1;
    return this.put(this.#last, note);
  }

  put(id: number, note: NewNote): Note {
    const kept = {...note, id, changedAt: new Date().toISOString()};
    this.#notes.set(id, kept);
    return kept;
  }

  remove(id: number): void {
    this.#notes.delete(id);
  }
}
