import { assert, assertEquals } from "@std/assert";
import { saysNothingThere } from "./negation.ts";
import { reportSentences } from "./report_sentences.ts";

/** Made-up reports in the styles of public ones, with their sentences: heading, negation, words. */
const REPORTS: Readonly<Record<string, readonly [report: string, expected: string]>> = {
  "headings, underscores and wrapped lines of MIMIC-CXR": [
    `                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  ___F with cough and fever, evaluate for pneumonia.

 COMPARISON:  Chest radiograph ___.

 FINDINGS:

 Cardiac silhouette size is normal.  Mediastinal and hilar contours are
 unremarkable.  Patchy opacity is seen in the left lower lobe, measuring approximately
 1.2 cm, concerning for pneumonia.  No pleural effusion or pneumothorax is
 seen.  There are no acute osseous abnormalities.

 IMPRESSION:

 Patchy left lower lobe opacity concerning for pneumonia.
`,
    `EXAMINATION + CHEST (PA AND LAT)
INDICATION + ___F with cough and fever, evaluate for pneumonia.
COMPARISON + Chest radiograph ___.
FINDINGS - Cardiac silhouette size is normal.
FINDINGS - Mediastinal and hilar contours are unremarkable.
FINDINGS + Patchy opacity is seen in the left lower lobe, measuring approximately 1.2 cm, concerning for pneumonia.
FINDINGS - No pleural effusion or pneumothorax is seen.
FINDINGS - There are no acute osseous abnormalities.
IMPRESSION + Patchy left lower lobe opacity concerning for pneumonia.`,
  ],
  "a numbered impression, and a notification with initials and times": [
    `IMPRESSION:
 1.  Small right apical pneumothorax, 8 mm, unchanged from the study of ___.
 2.  The left pleural effusion has resolved.
 3.  ET tube ends 4.5 cm above the
     carina.

 NOTIFICATION:  The findings were discussed with Dr. ___ by Dr. ___ on the telephone on ___ at 9:15 a.m., 5 minutes after discovery.`,
    `IMPRESSION + Small right apical pneumothorax, 8 mm, unchanged from the study of ___.
IMPRESSION - The left pleural effusion has resolved.
IMPRESSION + ET tube ends 4.5 cm above the carina.
NOTIFICATION + The findings were discussed with Dr. ___ by Dr. ___ on the telephone on ___ at 9:15 a.m., 5 minutes after discovery.`,
  ],
  "numbers within a line": [
    "FINDINGS: Lungs are clear. IMPRESSION: 1. No acute process. 2. 3 cm mass at rib no. 2. 3. Stable heart.",
    `FINDINGS - Lungs are clear.
IMPRESSION - No acute process.
IMPRESSION + 3 cm mass at rib no. 2.
IMPRESSION + Stable heart.`,
  ],
  "one paragraph of IU X-ray": [
    "The cardiomediastinal silhouette is within normal limits for size and contour. The lungs are " +
    "normally inflated without evidence of focal airspace disease, pleural effusion, or " +
    "pneumothorax. XXXX XXXX. Stable calcified granuloma within the right upper lung, approx. " +
    "5 mm in size. Mild degenerative changes of the spine, e.g. osteophytes at T8.",
    `- The cardiomediastinal silhouette is within normal limits for size and contour.
- The lungs are normally inflated without evidence of focal airspace disease, pleural effusion, or pneumothorax.
+ Stable calcified granuloma within the right upper lung, approx. 5 mm in size.
+ Mild degenerative changes of the spine, e.g. osteophytes at T8.`,
  ],
  "small letters with spaced full stops": [
    "the heart is normal in size . the mediastinum is unremarkable . 2 cm nodule in the left lung . no " +
    "pneumothorax .",
    `- the heart is normal in size .
- the mediastinum is unremarkable .
+ 2 cm nodule in the left lung .
- no pneumothorax .`,
  ],
  "small letters": [
    "mild cardiomegaly. the lungs are clear, measuring 2.5 cm. in part. no effusion.",
    `+ mild cardiomegaly.
+ the lungs are clear, measuring 2.5 cm. in part.
- no effusion.`,
  ],
  "sentences of PadChest, a line each": [
    "Costophrenic sinuses free.\nCardiomegaly\nAortic elongation\nNo significant changes with respect to " +
    "previous study of 12.03.2016.\nRest without significant findings\n",
    `- Costophrenic sinuses free.
+ Cardiomegaly
+ Aortic elongation
+ No significant changes with respect to previous study of 12.03.2016.
- Rest without significant findings`,
  ],
  "labels and bullets": [
    "Findings\n- Lungs: Clear.\n- Pleura: No effusion; no pneumothorax.\n* Heart: moderately enlarged, " +
    "CTR 0.58\n• Pneumothorax: none\nConclusion: Cardiomegaly",
    `Findings - Lungs: Clear.
Findings - Pleura: No effusion; no pneumothorax.
Findings + Heart: moderately enlarged, CTR 0.58
Findings - Pneumothorax: none
Conclusion + Cardiomegaly`,
  ],
  "capitals": [
    "CLINICAL HISTORY: DYSPNEA.\nFINDINGS: THE HEART IS NORMAL IN SIZE. THERE IS A SMALL EFFUSION ON THE\n" +
    "LEFT. NO PNEUMOTHORAX.\nIMPRESSION: SMALL LEFT EFFUSION.",
    `CLINICAL HISTORY + DYSPNEA.
FINDINGS - THE HEART IS NORMAL IN SIZE.
FINDINGS + THERE IS A SMALL EFFUSION ON THE LEFT.
FINDINGS - NO PNEUMOTHORAX.
IMPRESSION + SMALL LEFT EFFUSION.`,
  ],
  "a wrapped line that begins with a number or a capital": [
    "Compression fracture of the vertebral bodies at the level of T\n12. The remaining findings are consistent " +
    "with\nCOPD and were seen by Mrs. Jones vs. Prof. Smith. See Fig. 3 and ref. 4. Unchanged.",
    `+ Compression fracture of the vertebral bodies at the level of T 12.
+ The remaining findings are consistent with COPD and were seen by Mrs. Jones vs. Prof. Smith.
+ See Fig. 3 and ref. 4.
+ Unchanged.`,
  ],
  "dose, dates and line ends of Windows": [
    "TECHNIQUE: PA and lat. Dose 0.02 mSv, 1.5 mAs; contrast 5 mg i.v. at 3:45 p.m. on Mar. 3, 2019.\r\n\r\n" +
    'RECOMMENDATION(S): CT in 6 wks.\r\nWhy? Nodule ("1.2 x 0.8 cm.") in the L. apex!\r\n',
    `TECHNIQUE + PA and lat.
TECHNIQUE + Dose 0.02 mSv, 1.5 mAs; contrast 5 mg i.v. at 3:45 p.m. on Mar. 3, 2019.
RECOMMENDATION(S) + CT in 6 wks.
RECOMMENDATION(S) + Why?
RECOMMENDATION(S) + Nodule ("1.2 x 0.8 cm.") in the L. apex!`,
  ],
  "a wet read with letters": [
    "WET READ: ___ ___ ___ 3:45 PM\n  a) No evidence of pneumonia.\n  b) Right PICC has been removed.\n" +
    "ADDENDUM  The nodule is not excluded. ___ was informed.",
    `WET READ + ___ ___ ___ 3:45 PM
WET READ - No evidence of pneumonia.
WET READ - Right PICC has been removed.
WET READ + ADDENDUM The nodule is not excluded.
WET READ + ___ was informed.`,
  ],
  "nothing": ["\n ___ . \r\n\t12/3/2019\n", ""],
};

for (const [name, [report, expected]] of Object.entries(REPORTS)) {
  Deno.test(`sentences of a report: ${name}`, () => {
    const found = reportSentences(report);
    assertEquals(
      found.map(({ heading, negated, sentence }) =>
        `${heading === null ? "" : `${heading} `}${negated ? "-" : "+"} ${sentence}`
      ).join("\n"),
      expected,
    );
    let last = 0;
    for (const { sentence, start, end } of found) {
      assert(start >= last && end > start && end <= report.length);
      assertEquals(report.slice(start, end).replace(/\s+/g, " "), sentence);
      last = end;
    }
  });
}

Deno.test("sentences that say that nothing is there, and sentences that only look so", () => {
  const nothing = [
    "No pneumothorax.",
    "There is no focal consolidation, pleural effusion or pneumothorax.",
    "No pneumothorax, edema, or large effusion is seen.",
    "Lungs without effusion.",
    "The lungs are clear without consolidation, and the heart is normal.",
    "The right pneumothorax has resolved.",
    "Interval resolution of the left effusion.",
    "Resolved pneumonia.",
    "The effusion is no longer seen.",
    "There is no longer a pneumothorax.",
    "Compared to the prior study of ___, no new consolidation is identified.",
    "The heart is not enlarged.",
    "Pneumothorax is absent.",
    "Negative for pneumonia.",
    "The lungs are free of edema.",
    "The chest tube has been removed.",
    "No pneumothorax after removal of the chest tube.",
    "Neither effusion nor pneumothorax.",
    "Pneumothorax: none.",
    "Unremarkable.",
    "Bony structures are intact.",
  ];
  const something = [
    "No change in the effusion.",
    "No significant interval change in the left effusion.",
    "There has been no change.",
    "The effusion has not significantly changed.",
    "Pneumonia cannot be excluded.",
    "Cannot exclude a small effusion.",
    "An early infiltrate is not excluded.",
    "The left lung is no longer clear.",
    "No pneumothorax, but there is a small effusion.",
    "No effusion, mild cardiomegaly.",
    "No pneumothorax and small left effusion.",
    "Small effusion without pneumothorax.",
    "No abnormality other than a small nodule.",
    "The lungs are clear except for a nodule.",
    "The effusion has nearly resolved.",
    "Partial resolution of the effusion.",
    "Resolving edema.",
    "The effusion has not resolved.",
    "The left base is not well seen.",
    "No improvement of the edema.",
    "Heart size is at the upper limits of normal.",
    "Abnormal lungs.",
    "No pneumothorax; infection cannot be ruled out.",
    "Normal position of the endotracheal tube.",
    "Removal of the chest tube with a small pneumothorax.",
    "Moderate edema.",
    "",
  ];
  assertEquals(nothing.filter((sentence) => !saysNothingThere(sentence)), []);
  assertEquals(something.filter((sentence) => saysNothingThere(sentence)), []);
});

Deno.test("a hostile report takes no more than linear time", () => {
  const texts = [
    "1. ".repeat(20_000),
    `${" ".repeat(100_000)}.`,
    "\n".repeat(100_000),
    "A".repeat(100_000),
    "no ".repeat(30_000),
    ". a".repeat(30_000),
    "FINDINGS: ".repeat(10_000),
    "\ud800 \u2028 \0 ".repeat(10_000),
  ];
  for (const text of texts) {
    for (const { start, end } of reportSentences(text)) assert(start < end && end <= text.length);
  }
});
