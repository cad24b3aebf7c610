export interface Score { label: string; probability: number }

/** A word of the text, by bytes of UTF-8, and how much it speaks for the label. */
export interface Word { start: number; end: number; text: string; weight: number }

/** A labelled stretch of the text, by bytes of UTF-8. */
export interface Entity { start: number; end: number; text: string; label: string; probability: number }

/** What the model says of a text; which members there are depends on its head. */
export interface Prediction {
  label?: string;
  probability?: number;
  labels?: string[];
  scores?: Score[];
  score?: number;
  entities?: Entity[];
  embedding?: number[];
  words?: Word[];
  [other: string]: unknown;
}

export interface About {
  architecture: string;
  parameters: number;
  head: string;
  pair: boolean;
  labels: string[] | null;
  digest: string;
  kernel: string;
}

export interface Options {
  /** how many labels with their probabilities; 0 for all */
  top?: number;
  /** which words mattered; takes hundreds of predictions a text */
  explain?: boolean;
}

export interface Model {
  readonly about: About;
  predict(texts: string[] | [string, string][], options?: Options): Prediction[];
}

/** Loads the program and the model beside this file. */
export function open(): Promise<Model>;
