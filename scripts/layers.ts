/** What a folder of `src/` may import from the others. Types count as imports: who needs a layer's types depends on it. */
interface Layer {
  layers: readonly string[]
  /** Layers it may take types from, and single files it may take anything from. */
  typesOf?: readonly string[]
  files?: readonly string[]
}

/** The direction, top to bottom. A new folder is refused until it has its line here. */
const layers: Record<string, Layer> = {
  testing: { layers: ['adapters', 'auth', 'oidc', 'session', 'stores', 'observe', 'cache', 'shared'] },
  cli: { layers: ['stores', 'cache', 'shared'] },
  adapters: { layers: ['auth', 'session', 'cache', 'shared'] },
  auth: { layers: ['oidc', 'session', 'cache', 'shared'] },
  oidc: { layers: ['shared'], files: ['session/tokens.ts'] },
  session: { layers: ['cache', 'shared'] },
  stores: { layers: ['cache', 'shared'], typesOf: ['session'] },
  observe: { layers: ['cache', 'shared'], typesOf: ['session'] },
  cache: { layers: ['shared'] },
  shared: { layers: [] },
}

/** Single imports against the direction. One that no file needs any more is itself reported. */
export const exceptions: readonly { from: string; to: string; because: string }[] = [
  {
    from: 'auth/create-auth.ts',
    to: 'stores/memory.ts',
    because: 'without `store` the same code runs over a memory store, and only createAuth can put it there',
  },
]

/** Why `from` may not import `to` (both relative to `src/`), or `undefined` if it may. */
export function directionProblem(from: string, to: string, typeOnly: boolean): string | undefined {
  if (exceptions.some((exception) => exception.from === from && exception.to === to)) return undefined
  if (isDoor(to)) return `${to} is for users; import the file that declares it`
  const [fromLayer, toLayer] = [layerOf(from), layerOf(to)]
  if (isDoor(from)) return undefined
  if (fromLayer === toLayer) return neighbourProblem(from, to)
  const layer = layers[fromLayer]
  if (layer === undefined) return `src/${fromLayer} is no layer yet: give it a line in scripts/layers.ts`
  const mayImport =
    layer.layers.includes(toLayer) ||
    (typeOnly && layer.typesOf?.includes(toLayer) === true) ||
    layer.files?.includes(to) === true
  if (mayImport) return undefined
  const allowed = [...layer.layers, ...(layer.typesOf ?? []).map((name) => `types of ${name}`), ...(layer.files ?? [])]
  return `${fromLayer} may import ${allowed.length === 0 ? 'no other layer' : `only ${allowed.join(', ')}`}`
}

/** Folders of `src/stores` that are of no store: what stores of a kind, or all of them, have in common. */
const sharedByStores = ['rules', 'sql']

/** A store is its door, the folder of its name and what stores share: nobody has to read two stores to know one. */
function neighbourProblem(from: string, to: string): string | undefined {
  if (layerOf(from) !== 'stores') return undefined
  const [store = '', target = ''] = [from, to].map((file) => file.split('/')[1]?.replace(/\.ts$/, ''))
  if (store === target || (store !== 'rules' && sharedByStores.includes(target))) return undefined
  return `the store ${store} takes nothing of ${target}; what both need goes to stores/sql or stores/rules`
}

/** Files at the top of `src/` are doors: subpaths that only pass on what others declare. */
export function isDoor(file: string): boolean {
  return !file.includes('/')
}

function layerOf(file: string): string {
  return file.split('/')[0] ?? ''
}
