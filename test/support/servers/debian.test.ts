import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { findMirror, packagesToInstall } from './debian.ts'

describe('the mirror of a Debian release', () => {
  it('is read from stanzas, with what apt is to trust there', () => {
    const text = [
      'Types: deb',
      '# http://snapshot.example/archive',
      'URIs: http://deb.example/debian http://other.example/debian',
      'Suites: bookworm bookworm-updates',
      'Components: main contrib',
      'Signed-By: /usr/share/keyrings/archive.gpg',
      '',
      'Types: deb-src',
      'URIs: http://sources.example/debian',
      'Suites: trixie',
      'Components: main',
    ].join('\n')
    assert.partialDeepStrictEqual(findMirror('bookworm', [text]), {
      uri: 'http://deb.example/debian',
      components: 'main contrib',
      options: '[signed-by=/usr/share/keyrings/archive.gpg]',
    })
    assert.equal(findMirror('trixie', [text]), undefined)
  })

  it('is read from lines', () => {
    const text = [
      '# deb http://off.example/debian jammy main',
      'deb-src http://deb.example/ubuntu jammy main',
      'deb [arch=amd64 signed-by=/k.gpg] http://deb.example/ubuntu jammy main universe',
    ].join('\n')
    assert.partialDeepStrictEqual(findMirror('jammy', [text]), {
      uri: 'http://deb.example/ubuntu',
      components: 'main universe',
      options: '[arch=amd64 signed-by=/k.gpg]',
    })
  })

  it('is the first that has the release itself', () => {
    const lists = [
      'deb http://security.example/debian bookworm-security main',
      'deb http://third.example/apt stable main',
      'deb http://first.example/debian bookworm main',
      'deb http://second.example/debian bookworm main',
    ]
    assert.equal(findMirror('bookworm', lists)?.uri, 'http://first.example/debian')
    assert.equal(findMirror('forky', lists), undefined)
  })
})

describe('what apt would install', () => {
  it('is each package in the very version, also of those it would replace', () => {
    const simulation = [
      'The following NEW packages will be installed:',
      '  libaio1 mariadb-server-core',
      'Inst libaio1 (0.3.113-4 Debian:12.0/stable [amd64])',
      'Inst libc6 [2.36-9] (2.36-10 Debian:12.0/stable [amd64])',
      'Inst mariadb-server-core (1:10.11.18-0+deb12u1 Debian:12.0/stable [amd64])',
      'Conf libaio1 (0.3.113-4 Debian:12.0/stable [amd64])',
    ].join('\n')
    const server = 'mariadb-server-core=1:10.11.18-0+deb12u1'
    assert.deepEqual(packagesToInstall(simulation), ['libaio1=0.3.113-4', 'libc6=2.36-10', server])
  })

  it('is nothing where all is installed', () => {
    assert.deepEqual(packagesToInstall('0 upgraded, 0 newly installed, 0 to remove and 0 not upgraded.\n'), [])
  })
})
