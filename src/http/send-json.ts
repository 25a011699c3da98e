import type { FastifyReply } from 'fastify'
import { printableJson } from '../base/printable.ts'

/** Answers with JSON that people can read; what an inventory says may be in it, so no cache may keep it. */
export function sendJson(reply: FastifyReply, value: unknown): FastifyReply {
  return reply
    .type('application/json; charset=utf-8')
    .header('cache-control', 'no-store')
    .send(printableJson(value))
}
