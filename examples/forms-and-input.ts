// Run it with `npm run example forms-and-input`.
import {
  Child,
  Get,
  Post,
  Query,
  Resource,
  Use,
  createError,
  html,
  serve,
  type InputOf,
  type Middleware,
  type Misfit,
  type Next,
  type Request,
  type Response,
} from 'espalier';
import {z} from 'zod';

/** A field that may be left empty, which a form sends as the empty text. */
const orEmpty = <T extends z.ZodType>(schema: T) =>
  z.preprocess(value => (value === '' ? undefined : value), schema.optional());

/** A field that may come once, more than once or not at all. */
const many = <T extends z.ZodType>(schema: T) => z.preprocess(value => [value ?? []].flat(), z.array(schema));

const NewNote = z.object({
  text: z.string().trim().min(1, 'Say something.'),
  email: orEmpty(z.email('This is no address.')),
  stars: orEmpty(z.coerce.number('This is no number.').min(1, 'At least one.')),
  tags: many(z.string()),
});
const Note = z.object({
  text: z.string(),
  email: z.string().optional(),
  stars: z.number().optional(),
  tags: z.array(z.string()),
});

const notes: z.infer<typeof Note>[] = [];

/** Whether a form was sent. A charset, or the boundary of a multipart form, may follow the type. */
const isForm = ({headers}: Request) =>
  /^(?:application\/x-www-form-urlencoded|multipart\/form-data) *(?:;|$)/i.test(headers['content-type'] ?? '');

function page(typed?: FormData, misfits: readonly Misfit[] = []) {
  const field = (name: string) => {
    const wrong = misfits.find(({pointer}) => pointer === `/${name}`);
    const value = String(typed?.get(name) ?? '');
    return html`<p>${name} <input name="${name}" value="${value}">${wrong && html` <b>${wrong.detail}</b>`}</p>
`;
  };
  return html`<form method="post" action="/notes">
${['text', 'email', 'stars'].map(field)}<button>Add</button>
</form>`;
}

class FormAgain implements Middleware {
  async handle(request: Request, _response: Response, next: Next) {
    try {
      return await next();
    } catch (error) {
      const {errors} = error as {errors?: readonly Misfit[]};
      if (!errors || !isForm(request)) throw error;
      return page(await request.form(), errors);
    }
  }
}

const one = {params: z.object({id: z.coerce.number().int()}), result: Note};

@Resource()
class OneNote {
  @Get(one)
  show({params}: InputOf<typeof one>) {
    const note = notes[params.id - 1];
    if (!note) throw createError(404, 'There is no such note.');
    return note;
  }
}

const adding = {body: NewNote, status: 201, result: Note};
const searching = {body: z.object({word: z.string(), most: z.number().default(10)}), result: z.array(Note)};

@Resource()
@Child(':id', OneNote)
class Notes {
  @Get()
  show() {
    return page();
  }

  @Post(adding)
  @Use(FormAgain)
  add({body}: InputOf<typeof adding>, request: Request, response: Response) {
    notes.push(body);
    if (isForm(request)) return response.redirect(`/notes/${notes.length}`);
    return body;
  }

  @Query(searching)
  search({body}: InputOf<typeof searching>) {
    return notes.filter(({text}) => text.includes(body.word)).slice(0, body.most);
  }
}

const uploading = {
  body: z.object({title: z.string(), photo: z.file().min(1, 'Choose a photo.').max(500_000).mime(['image/png'])}),
  status: 201,
};

@Resource()
class Photos {
  @Get()
  show() {
    return html`<form method="post" enctype="multipart/form-data">
<input name="title"> <input name="photo" type="file">
<button>Send</button>
</form>`;
  }

  @Post(uploading)
  async add({body: {title, photo}}: InputOf<typeof uploading>) {
    const bytes = await photo.bytes();
    return {title, name: photo.name, size: bytes.length};
  }
}

@Resource()
@Child('notes', Notes)
@Child('photos', Photos)
class Home {}

await serve(Home);
