// The short form of what metadata-action answers: what follows from the rest is left out, `expand` puts it back.
// `compact` is used while recording and proves itself: `expand(compact(raw)) = raw`, byte for byte, or the raw text is kept.

/** Everything one run of the action leaves behind, from its short form. `facts` = {inputs, levels, repo, now, sha, exported}. */
export function expand(short, facts) {
  const { version, tags, tagNames = tags, revision = facts.sha } = short
  const standard = standardLines({ ...facts, version, revision })
  const labels = short.labels ?? standard
  const annotations = short.annotations ?? atLevels(standard, facts.levels)
  const separator = (name) => facts.inputs[`sep-${name}`] || '\n'
  const outputs = {
    version,
    tags: tags.join(separator('tags')),
    'tag-names': tagNames.join(separator('tags')),
    labels: labels.join(separator('labels')),
    annotations: annotations.join(separator('annotations')),
    json: JSON.stringify({ tags, 'tag-names': tagNames, labels: asObject(labels), annotations }),
  }
  const target = facts.inputs['bake-target']?.trim() || 'docker-metadata-action'
  const args = {
    DOCKER_META_IMAGES: short.images ?? '',
    ...(version === '' ? {} : { DOCKER_META_VERSION: version }),
  }
  const bake = (content) => JSON.stringify({ target: { [target]: content } }, null, 2)
  const bakeFiles = {
    'bake-file-tags': bake({ tags, args }),
    'bake-file-labels': bake({ labels: asObject(labels) }),
    'bake-file-annotations': bake({ annotations }),
    'bake-file': bake({ tags, labels: asObject(labels), args }),
  }
  return { outputs: { ...outputs, ...short.outputs }, bakeFiles: { ...bakeFiles, ...short.bakeFiles } }
}

/** `raw` = {outputs, bakeFiles} of a run that succeeded. */
export function compact(raw, facts) {
  const { outputs, bakeFiles } = raw
  const json = JSON.parse(outputs.json)
  const images = JSON.parse(bakeFiles['bake-file']).target[
    facts.inputs['bake-target']?.trim() || 'docker-metadata-action'
  ].args.DOCKER_META_IMAGES
  const revision = json.labels['org.opencontainers.image.revision']
  const standard = standardLines({ ...facts, version: outputs.version, revision })
  const labels = outputs.labels.split(facts.inputs['sep-labels'] || '\n')
  const short = {
    version: outputs.version,
    tags: json.tags,
    ...(same(json.tags, json['tag-names']) ? {} : { tagNames: json['tag-names'] }),
    ...(images === '' ? {} : { images }),
    ...(revision === facts.sha ? {} : { revision }),
    ...(same(labels, standard) ? {} : { labels }),
    ...(same(json.annotations, atLevels(standard, facts.levels)) ? {} : { annotations: json.annotations }),
  }
  const restored = expand(short, facts)
  const kept = {
    outputs: unlike(outputs, restored.outputs),
    bakeFiles: unlike(bakeFiles, restored.bakeFiles),
  }
  for (const [name, value] of Object.entries(kept)) if (Object.keys(value).length > 0) short[name] = value
  if (!same(expand(short, facts), raw)) throw new Error(`the short form loses something: ${JSON.stringify(raw)}`)
  return short
}

/** The eight OCI keys every run gets, in the order of the output. */
function standardLines({ repo, now, version, revision }) {
  return Object.entries({
    created: new Date(now).toISOString(),
    description: repo.description ?? '',
    licenses: repo.license?.spdx_id ?? '',
    revision,
    source: repo.html_url ?? '',
    title: repo.name ?? '',
    url: repo.html_url ?? '',
    version,
  }).map(([key, value]) => `org.opencontainers.image.${key}=${value}`)
}

function atLevels(lines, levels) {
  return levels.split(',').flatMap((level) => lines.map((line) => `${level}:${line}`))
}

function asObject(lines) {
  return Object.fromEntries(
    lines.map((line) => /([^=]*)=(.*)/.exec(line)?.slice(1) ?? []).filter((pair) => pair.length > 0),
  )
}

function unlike(actual, derived) {
  return Object.fromEntries(Object.entries(actual).filter(([name, value]) => value !== derived[name]))
}

function same(one, other) {
  return JSON.stringify(one) === JSON.stringify(other)
}
