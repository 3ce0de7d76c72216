/** The OpenAPI document, made from the schemas that the routes themselves use. */
import { z } from 'zod'
import { PROBLEM_TYPE } from '../../runtime/problem.ts'
import { FEED_PROBLEMS, type FeedProblem } from './problems.ts'
import {
  endSchema,
  gapSchema,
  messageSchema,
  pageSchema,
  problemSchema,
  reportSchema,
  updateSchema,
} from './schemas.ts'

/** What a route is, for the document and for the router. */
export interface RouteSpec {
  /** As the router takes it: `/v1/reports/:round`. */
  readonly path: string
  readonly summary: string
  readonly description?: string
  readonly params?: z.ZodObject
  readonly query?: z.ZodObject
  readonly headers?: Readonly<Record<string, string>>
  readonly answer: {
    readonly status: number
    readonly description: string
    readonly type?: string
    /** Name of one of the schemas of this document. */
    readonly schema?: SchemaName
  }
  /** Answered with 304 to who names what it has. */
  readonly conditional: boolean
  readonly problems: readonly FeedProblem[]
}

const SCHEMAS = {
  Report: reportSchema,
  ReportPage: pageSchema,
  Update: updateSchema,
  Gap: gapSchema,
  End: endSchema,
  StreamMessage: messageSchema,
  Problem: problemSchema,
}
type SchemaName = keyof typeof SCHEMAS

type Json = Readonly<Record<string, unknown>>

export function openApiOf(routes: readonly RouteSpec[]): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Feed of certified reports',
      version: '1',
      description:
        'Every price that the network has certified. Nothing here has to be believed: each report carries what is needed to check it.',
    },
    paths: Object.fromEntries(
      routes.map(route => [route.path.replaceAll(/:(\w+)/g, '{$1}'), { get: operationOf(route) }]),
    ),
    components: { schemas: componentSchemas() },
  }
}

function componentSchemas(): Json {
  // Collected from the schemas themselves: those with an id, and all that stand in them.
  const { schemas } = z.toJSONSchema(z.globalRegistry, {
    uri: id => `#/components/schemas/${id}`,
    io: 'output',
  })
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => {
      const { $schema, $id, id, ...rest } = schema as Record<string, unknown>
      return [name, rest]
    }),
  )
}

function operationOf(route: RouteSpec): Json {
  const { answer } = route
  const byStatus = Map.groupBy(route.problems, code => FEED_PROBLEMS[code].status)
  return {
    summary: route.summary,
    ...(route.description === undefined ? {} : { description: route.description }),
    parameters: [
      ...parametersOf(route.params, 'path'),
      ...parametersOf(route.query, 'query'),
      ...Object.entries(route.headers ?? {}).map(([name, description]) => ({
        name,
        in: 'header',
        required: false,
        description,
        schema: { type: 'string' },
      })),
    ],
    responses: {
      [answer.status]: {
        description: answer.description,
        ...(answer.type === undefined
          ? {}
          : {
              content: {
                [answer.type]: {
                  schema:
                    answer.schema === undefined
                      ? { type: answer.type === 'application/json' ? 'object' : 'string' }
                      : reference(answer.schema),
                },
              },
            }),
      },
      ...(route.conditional
        ? { 304: { description: 'What the request names by If-None-Match still holds.' } }
        : {}),
      ...Object.fromEntries(
        [...byStatus].map(([status, codes]) => [
          status,
          {
            description: codes.map(code => `${code}: ${FEED_PROBLEMS[code].title}`).join(' '),
            content: { [PROBLEM_TYPE]: { schema: reference('Problem') } },
          },
        ]),
      ),
    },
  }
}

function reference(name: SchemaName): Json {
  return { $ref: `#/components/schemas/${name}` }
}

function parametersOf(schema: z.ZodObject | undefined, where: 'path' | 'query'): Json[] {
  if (schema === undefined) return []
  // What a value is after it was read from text.
  const { properties = {} } = z.toJSONSchema(schema, { io: 'output' })
  return Object.entries(properties).map(([name, property]) => {
    const { description, ...rest } = property as Record<string, unknown>
    return {
      name,
      in: where,
      required: where === 'path',
      ...(description === undefined ? {} : { description }),
      schema: rest,
    }
  })
}
