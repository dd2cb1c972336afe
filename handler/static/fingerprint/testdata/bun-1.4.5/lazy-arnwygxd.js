import{t,o}from"./main-ep6drx7x.js";var f=()=>o("late, with "+t);export{f as run};
