// English text that reads, compresses and repeats like reviewers' notes: sentences from patterns
// and a small vocabulary. They are made once per seed and then drawn, because making each anew
// would cost more than the rest of an event.

import type { Random } from './random.ts'

export interface Prose {
  /** One sentence of about 110 characters. */
  sentence(): string
  /** From `least` to `most` sentences, with a number that makes the text unique. */
  text(least: number, most: number): string
  title(): string
  name(): string
  section(): string
  caveat(): string
  actor(): { id: string; type: string }
}

const sentencesMade = 4096

const subjects = [
  'The reported effect of lecanemab',
  'Transcytosis across the blood-brain barrier',
  'The pooled estimate over three cohorts',
  'The claimed reduction in plaque load',
  'Receptor density at the capillary wall',
  'The lower bound for odd n',
  'The verifier’s certificate for [[7,1,3]]',
  'Tau spreading along the entorhinal path',
  'The control group of the 2019 trial',
  'The dose response below 5 mg/kg',
  'Brain exposure after intravenous delivery',
  'The statement formalised in Lean',
]
const verbs = [
  'is consistent with',
  'does not replicate under',
  'was measured only through',
  'depends strongly on',
  'cannot be separated from',
  'is smaller than expected from',
  'follows directly from',
  'contradicts the earlier report of',
  'rests on a single source for',
  'should be read together with',
]
const objects = [
  'the imaging protocol of the second site',
  'baseline cognition and years of education',
  'an unpaired comparison of twelve animals',
  'the quantum Hamming bound',
  'transferrin receptor saturation',
  'a heuristic over the wording of the abstract',
  'the independence of both readers',
  'exclusion criteria that changed after registration',
  'the choice of Aβ antibody',
  'Duke’s theorem taken as a hypothesis',
]
const conditions = [
  ', which the authors state in the supplement',
  ' (p = 0.03, uncorrected)',
  ', although the confidence interval crosses zero',
  ' in mice but has not been shown in humans',
  '; the effect size is missing',
  '; no evidence span was given',
  ' at 12 months of follow-up',
  '',
]
const families = [
  'Okafor',
  'Lindqvist',
  'Haddad',
  'Marín',
  'Novák',
  'Tanaka',
  'Whitfield',
  'Dlamini',
  'Bianchi',
  'Sørensen',
]
const sections = ['abstract', 'methods', 'results', 'discussion', 'supplement']
const caveats = [
  'Manual findings require evidence review before scientific use.',
  'Agent output is source material until reviewer acceptance.',
  'weak_evidence',
]
const actors = [
  { id: 'reviewer:first-hand', type: 'human' },
  { id: 'reviewer:second-look', type: 'human' },
  { id: 'reviewer:proxy', type: 'human' },
  { id: 'agent:extractor', type: 'agent' },
  { id: 'propagation_engine', type: 'system' },
]

export function prose(random: Random): Prose {
  const made = Array.from({ length: sentencesMade }, () => {
    const clause = `${random.pick(subjects)} ${random.pick(verbs)} ${random.pick(objects)}`
    return `${clause}${random.pick(conditions)}.`
  })
  const sentence = () => random.pick(made)
  return {
    sentence,
    text(least, most) {
      let text = `${sentence().slice(0, -1)} (note ${random.next()}).`
      for (let more = least - 1 + random.below(most - least + 1); more > 0; more--) text += ` ${sentence()}`
      return text
    },
    title: () => `${random.pick(subjects)} and ${random.pick(objects)}`,
    name: () => `${random.pick(families)} ${String.fromCharCode(65 + random.below(26))}.`,
    section: () => random.pick(sections),
    caveat: () => random.pick(caveats),
    actor: () => random.pick(actors),
  }
}
