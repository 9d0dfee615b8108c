import {Child, Delete, Get, Post, Put, Resource, inject, type InputOf, type Request, type Response} from 'espalier';
import {z} from 'zod';
import {NewNote, Note, Notes} from './notes.ts';

const changing = {body: NewNote, result: Note};

@Resource()
export class OneNote {
  constructor(
    private readonly notes: Notes,
    private readonly note: Note,
  ) {}

  @Get({result: Note})
  show() {
    return this.note;
  }

  @Put(changing)
  change({body}: InputOf<typeof changing>) {
    return this.notes.put(this.note.id, body);
  }

  @Delete({status: 204})
  remove() {
    this.notes.remove(this.note.id);
  }
}

const listing = {
  query: z.object({most: z.coerce.number().int().min(1).max(100).default(20).describe('How many at most.')}),
  result: z.array(Note),
};
const adding = {body: NewNote, status: 201, result: Note};

@Resource()
export class NoteList {
  constructor(@inject(Notes) private readonly notes: Notes) {}

  @Get(listing)
  list({query}: InputOf<typeof listing>) {
    return this.notes.list(query.most);
  }

  @Post(adding)
  add({body}: InputOf<typeof adding>, request: Request, response: Response) {
    const note = this.notes.add(body);
    response.setHeader('Location', `${request.path}/${note.id}`);
    return note;
  }

  @Child(':id', OneNote)
  one(id: string) {
    const note = this.notes.find(Number(id));
    return note && new OneNote(this.notes, note);
  }
}
