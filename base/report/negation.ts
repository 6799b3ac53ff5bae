/**
 * Sentences that say that nothing is there.
 *
 * The rules follow NegEx (Chapman et al., J. Biomed. Inform. 2001): a trigger negates the words after
 * or before it, up to a word that ends its scope. A sentence counts only if the words outside every
 * scope name no finding.
 *
 * @module
 */

/** Adjectives before "change", which make "no change" a statement about something that is there. */
const DEGREE =
  "(?:significant|substantial|appreciable|relevant|major|definite|interval|short|term|" +
  "short-term|obvious|great|much|clear|important|large|further|other|overall|real|evidence|of|any|" +
  "apparent|evident|noticeable|marked|convincing|gross|significantly|substantially|appreciably)";

/** Phrases that look like negations. A placeholder that no scope holds replaces them. */
const PSEUDO = new RegExp(
  String.raw`\b(?:(?:no|without|not)(?: ${DEGREE})* ` +
    "(?:changes?|changed|increase|decrease|improvement|progression|worsening|difference|growth|" +
    "doubt|question|reduction|regression|resolution)|no interval enlargement|" +
    "(?:can ?not|could not|can't|not|never|difficult to|hard to|unable to)(?: \\w+){0,3} " +
    "(?:exclude[sd]?|ruled? out|excluding)|" +
    "no longer (?:clear|normal|unremarkable|aerated|expanded|inflated)|" +
    "not (?:yet )?(?:resolved|cleared|disappeared|been removed)|" +
    "not (?:well|clearly|fully|completely|entirely|optimally|adequately|only|necessarily|certain|" +
    "all)|" +
    "(?:partial|partially|near|nearly|almost|incomplete|incompletely|mostly|largely|near-complete|" +
    "slowly|partly)(?: complete| completely| interval)? (?:resol\\w+|disappear\\w+|cleared|clearing)|" +
    String.raw`upper limits? of normal|near(?:ly)? normal)\b`,
  "g",
);

/** Triggers that negate the words after them. */
const BEFORE = new RegExp(
  String
    .raw`\b(?:there (?:is|are) no longer|no longer any|no|without|w/o|none|nothing|neither|nor|` +
    "negative for|(?:free|clear) of|absence of|lack of|^resolved|resolution of|removal of|" +
    "disappearance of|absent|" +
    String.raw`rules out|excludes)\b`,
);

/** Triggers that negate the words before them. */
const AFTER = new RegExp(
  String
    .raw`\b(?:(?:(?:is|are|was|were|been|be|can|could)(?: now| currently)? )?(?:no longer|not)` +
    "(?: be)? (?:seen|visible|visuali[sz]ed|present|identified|evident|appreciated|demonstrated|" +
    "apparent|detected|noted|observed|found|enlarged|dilated|widened|thickened|elevated|displaced|" +
    "shifted|distended|recognizable)|" +
    "(?:(?:has|have|had|is|are|was|were) )?(?:since |now |completely |entirely |fully |also )*" +
    "(?:resolved|disappeared|cleared|absent|removed|excluded|ruled out)|" +
    String.raw`(?:has|have) been (?:removed|excluded|ruled out))\b`,
);

/** Words of a normal state. */
const NORMAL = new RegExp(
  String.raw`\b(?:(?:with)?in normal (?:limits?|range)|within the normal (?:limits?|range)|clear|` +
    "normal|normally|unremarkable|intact|sharp|preserved|free|negative|nonremarkable|" +
    String.raw`non-remarkable|regular)\b`,
  "g",
);

/** Words that begin a statement of their own after a negated one. */
const NEW =
  /^(?:a|an|the|there|this|these|small|mild|mildly|moderate|moderately|large|severe|minimal|trace|tiny|new|old|stable|unchanged|increased|decreased|improved|improving|worsening|persistent|persisting|residual|probable|possible|possibly|probably|likely|left|right|bilateral|with|only|again|slight|slightly|known|chronic)\b/;

/** Words that end a negation within a statement. */
const EXCEPT = /\b(?:except|aside from|apart from|other than|besides|save for|beyond)\b.*/;

/** Words that end a statement. */
const STATEMENTS = new RegExp(
  String
    .raw`[;:.!?]+(?=\s|$)|,|\s[-–—]+\s|\b(?:but|however|although|though|while|whereas|which|yet)\b|` +
    String
      .raw`\band (?=(?:there|the|no|is|are|a|an|its?|heart|lungs?|normal|clear|unremarkable|small|` +
    String.raw`mild|moderate|large|stable|unchanged|new|increased|without|with)\b)|\bwith ` +
    String
      .raw`(?=(?:an?|small|tiny|mild|moderate|large|trace|stable|unchanged|new|increased|residual|` +
    String.raw`persistent|improved|interval)\b)`,
);

/** A label and its answer, such as "Pneumothorax: none." */
const LABELLED =
  /^[^:,;.]+: *(?:none|no|absent|negative|normal|unremarkable|clear|not (?:seen|present))[. ]*$/;

/** A verb: a statement that has one does not go on with the list before it. */
const VERB =
  /\b(?:is|are|was|were|has|have|had|remains?|persists?|appears?|shows?|demonstrates?|seems?|suggests?|represents?|may|could|can)\b/;

/** Words without a finding: anatomy, sides, times, views and grammar. */
const NEUTRAL = new Set(
  `a an the of in on at to as by for from with and or both also is are was were be been has have had
  there this these that it its their both all any each other others otherwise rest remaining
  remainder again still now currently since than then otherwise grossly essentially relatively
  overall generally largely well appear appears appearing appearance remain remains seem seems
  show shows demonstrate demonstrates demonstrated seen noted visualized visualised observed
  identified imaged visible evaluated assessed included
  lung lungs lobe lobes field fields zone zones base bases apex apices hemithorax chest thorax thoracic
  heart cardiac cardiomediastinal cardiothoracic index ratio cardio mediastinal mediastinum
  silhouette silhouettes contour contours hilum hila hilar hilus pleura pleural pleurae space spaces surface surfaces diaphragm diaphragms
  hemidiaphragm hemidiaphragms costophrenic cardiophrenic angle angles sulci sulcus sinus sinuses
  fissure fissures trachea tracheal airway airways bronchi bronchus aorta aortic arch knob vascular
  vascularity vasculature vessels vessel pulmonary pulmonic parenchyma parenchymal interstitium
  interstitial bone bones bony osseous skeletal skeleton structure structures rib ribs clavicle
  clavicles spine vertebral vertebra vertebrae body bodies shoulder shoulders soft tissue tissues
  stomach gastric bubble bowel gas pattern humerus humeri scapula scapulae sternum neck wall walls cage
  liver spleen thyroid esophagus oesophagus lymph node nodes carina retrosternal retrocardiac
  perihilar paratracheal stripe stripes window joint joints atrium atria ventricle ventricles chamber
  chambers great markings
  abdomen abdominal upper lower mid middle left right bilateral bilaterally side sides sided lateral
  inspiration volume volumes size sizes shape position caliber calibre contour width configuration
  aerated aeration expanded inflated well-aerated well-expanded well-inflated
  compared comparison prior previous previously earlier study studies exam examination examinations
  radiograph radiographs radiography film films image images imaging view views projection projections
  frontal portable ap pa xray x-ray date today interval current recent given technique single two
  report findings impression patient status post s p limits limit range within acute definite focal
  evidence sign signs reason history symmetric symmetrical symmetrically
  particular addition additionally note regard respect respectively age considered before after`
    .split(/\s+/),
);

/** Returns true if some words name no finding. */
function isNeutral(words: string): boolean {
  return words.split(/[^\p{L}'-]+/u).every((word) =>
    word === "" || NEUTRAL.has(word) || NEUTRAL.has(word.replace(/-sided$/, "")) ||
    /^[x'-]+$/.test(word)
  );
}

/** End of a statement: a negation that goes on in a list, a negation, neutral, or positive. */
type Outcome = "open" | "closed" | "neutral" | "positive";

/** Judges one statement by itself. */
function judge(statement: string): Outcome {
  const rest = statement.replace(EXCEPT, "");
  // An exception names something that is there.
  if (rest !== statement) return "positive";
  const before = BEFORE.exec(rest);
  if (before && judge(rest.slice(0, before.index)) !== "positive") return "open";
  const after = AFTER.exec(rest);
  const words = (after ? rest.slice(after.index + after[0].length) : rest).replace(NORMAL, " ");
  if (!isNeutral(words)) return "positive";
  return after || words !== rest ? "closed" : "neutral";
}

/**
 * Returns true if a sentence of a report says that nothing is there: "No pneumothorax.", "The lungs are
 * clear.", "The effusion has resolved." A sentence that also names a finding gives false, and so
 * does a doubt: "Pneumonia cannot be excluded."
 *
 * @param sentence One sentence in English, on one line.
 */
export function saysNothingThere(sentence: string): boolean {
  const small = sentence.toLowerCase().replace(/\bno\.(?= ?\d)/g, "number");
  if (LABELLED.test(small)) return true;
  // A word in capitals that no scope can hold stands for a pseudo-negation.
  const plain = small.replace(PSEUDO, "; PSEUDO");
  const statements = plain.replace(/_+|\d+(?:[.,]\d+)*/g, " ").split(STATEMENTS)
    .map((part) => part.trim()).filter((part) => part !== "");
  const lastListed = statements.findLastIndex((part) => /^(?:or|nor)\b/.test(part));
  let isOpen = false;
  let isNegated = false;
  for (const [i, statement] of statements.entries()) {
    const outcome = judge(statement);
    if (outcome === "open" || outcome === "closed") {
      [isOpen, isNegated] = [outcome === "open", true];
      continue;
    }
    // The words of a list after "no" need no further "no".
    const isListed = i <= lastListed;
    const goesOn = isOpen && !statement.includes("PSEUDO") &&
      (isListed || !NEW.test(statement) && !VERB.test(statement));
    if (outcome === "positive" && !goesOn) return false;
  }
  return isNegated;
}
