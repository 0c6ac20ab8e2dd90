// What a MySQL URL may say; above all, when the server must prove who it is.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { parseMysqlUrl } from '../../src/store/mysql/mysql-url.ts'

const invalid = { name: 'Rejection', code: 'invalid' }

test('user, password, host, port and database are read, escapes undone', () => {
  expect(parseMysqlUrl('mysql://me%40x:p%2Fw%25@127.0.0.1:3307/my%20db')).toEqual({
    host: '127.0.0.1',
    port: 3307,
    socketPath: undefined,
    user: 'me@x',
    password: 'p/w%',
    database: 'my db',
    tls: undefined,
  })
  expect(parseMysqlUrl('mysql://me@[::1]/db')).toMatchObject({
    host: '::1',
    port: 3306,
    password: '',
    tls: undefined,
  })
  expect(parseMysqlUrl('mysql://me@localhost/db?socket=%2Frun%2Fdb.sock')).toMatchObject({
    socketPath: '/run/db.sock',
    tls: undefined,
  })
})

test('beyond loopback the server must show a certificate, unless tls=off is written out', () => {
  expect(parseMysqlUrl('mysql://me@db.example/db').tls).toEqual({ ca: undefined })
  expect(parseMysqlUrl('mysql://me@localhost.example/db').tls).toEqual({ ca: undefined })
  expect(parseMysqlUrl('mysql://me@db.example/db?tls=off').tls).toBeUndefined()
  expect(parseMysqlUrl('mysql://me@localhost/db?tls=on').tls).toEqual({ ca: undefined })
  for (const host of ['localhost', '127.0.0.1', '127.1.2.3', '[::1]'])
    expect(parseMysqlUrl(`mysql://me@${host}/db`).tls, host).toBeUndefined()
  expect(parseMysqlUrl('mysql://me@10.0.0.1/db?tls=off').tls).toBeUndefined()
  expect(() => parseMysqlUrl('mysql://me@10.0.0.1/db')).toThrow(/name the host/)
})

test('authorities are read from a file', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'latchkey-url-'))
  const path = join(folder, 'ca.pem')
  await writeFile(path, 'PEM')
  expect(parseMysqlUrl(`mysql://me@localhost/db?ca=${encodeURIComponent(path)}`).tls).toEqual({ ca: 'PEM' })
  await rm(folder, { recursive: true })
  expect(() => parseMysqlUrl(`mysql://me@localhost/db?ca=${encodeURIComponent(path)}`)).toThrow(
    /cannot be read/,
  )
})

test('anything unknown or contradictory is refused, and never repeats the password', () => {
  const secret = 'hunter2'
  for (const url of [
    `mysql://me:${secret}@localhost`,
    `mysql://me:${secret}@localhost/`,
    `mysql://me:${secret}@localhost/a/b`,
    `mysql://me:${secret}@localhost/db?ssl=off`,
    `mysql://me:${secret}@localhost/db?tls=maybe`,
    `mysql://me:${secret}@localhost/db?tls=off&ca=x`,
    `mysql://me:${secret}@localhost/db?socket=x&tls=on`,
    `mysql://me:${secret}%@localhost/db`,
    `mysql://me:${secret}@:99999999/db`,
    `mysql:///db`,
    `mysql:${secret}`,
  ]) {
    let refusal: unknown
    try {
      parseMysqlUrl(url)
    } catch (error) {
      refusal = error
    }
    expect(refusal, url).toMatchObject(invalid)
    expect(String(refusal)).not.toContain(secret)
  }
})
