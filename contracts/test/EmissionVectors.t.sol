// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EmissionParams, EpochEmission, IEmission} from "../src/interfaces/IEmission.sol";
import {EpochTiming} from "../src/interfaces/IEpochClock.sol";
import {EmissionAnswer, EmissionCase, EmissionCases} from "./support/EmissionCases.sol";
import {Test} from "./support/Test.sol";

interface FileVm {
    function readFile(string calldata path) external view returns (string memory);
    function envOr(string calldata name, string calldata otherwise) external view returns (string memory);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function parseJsonBytes32Array(string calldata json, string calldata key)
        external
        pure
        returns (bytes32[] memory);
    function parseJsonUintArray(string calldata json, string calldata key)
        external
        pure
        returns (uint256[] memory);
}

/// @dev IO and Burner as Emission reads them.
contract Supply {
    uint256 public constant MAX_SUPPLY = EmissionCases.MAX_SUPPLY;
    uint256 public immutable totalSupply;
    uint256 private immutable _burned;

    constructor(uint256 genesis, uint256 burned) {
        totalSupply = genesis;
        _burned = burned;
    }

    function burnedIn(uint256) external view returns (uint256) {
        return _burned;
    }
}

/// @notice The same cases in TypeScript, to the wei. The file holds one hash for every thousand of them; all are computed
/// under the profile `full`, the first tenth otherwise.
contract EmissionVectorsTest is Test {
    FileVm private constant files = FileVm(address(vm));

    error BlockDiffers(uint256 index, bytes32 computed, bytes32 required);

    function vectors() private view returns (string memory) {
        return files.readFile("test/vectors/emission.json");
    }

    /// @dev A call of its own, which gives back its memory.
    function hashOf(uint256 index, uint256 size) external pure returns (bytes32 folded) {
        folded = bytes32(index);
        for (uint256 number = index * size; number < (index + 1) * size; ++number) {
            EmissionCase memory c = EmissionCases.at(number);
            folded = EmissionCases.fold(folded, c, EmissionCases.answer(c));
        }
    }

    function test_agreesWithTypeScriptInEveryBlockOfCases() external view {
        string memory json = vectors();
        uint256 size = files.parseJsonUint(json, ".casesPerBlock");
        bytes32[] memory blocks = files.parseJsonBytes32Array(json, ".blocks");
        bool isFull = keccak256(bytes(files.envOr("FOUNDRY_PROFILE", "default"))) == keccak256("full");
        uint256 count = isFull ? blocks.length : blocks.length / 10;
        for (uint256 i = 0; i < count; ++i) {
            bytes32 computed = this.hashOf(i, size);
            require(computed == blocks[i], BlockDiffers(i, computed, blocks[i]));
        }
    }

    function test_agreesWithTypeScriptOnTheFirstCasesInputByInput() external view {
        string memory json = vectors();
        uint256[] memory inputs = files.parseJsonUintArray(json, ".inputs");
        uint256[] memory answers = files.parseJsonUintArray(json, ".answers");
        for (uint256 number = 0; number < inputs.length / 11; ++number) {
            EmissionCase memory c = EmissionCases.at(number);
            bytes memory words = abi.encode(c);
            for (uint256 i = 0; i < 11; ++i) {
                vm.assertEq(wordAt(words, i), inputs[number * 11 + i]);
            }
            words = abi.encode(EmissionCases.answer(c));
            for (uint256 i = 0; i < 10; ++i) {
                vm.assertEq(wordAt(words, i), answers[number * 10 + i]);
            }
        }
    }

    /// @dev What is compared above is a library's; this is the contract that mints by it.
    function testFuzz_theContractAnswersAsItsCurveDoes(uint256 number) external {
        EmissionCase memory c = EmissionCases.at(number);
        EmissionAnswer memory a = EmissionCases.answer(c);
        Supply supply = new Supply(c.genesis, c.burned);
        IEmission emission = IEmission(
            vm.deployCode(
                "Emission.sol:Emission",
                abi.encode(
                    address(supply),
                    address(supply),
                    address(this),
                    EpochTiming(0, uint40(c.epochLengthSec)),
                    EmissionParams(
                        uint96(c.launchEmission), uint40(c.halvingPeriodSec), uint96(c.yearlyNetCap)
                    )
                )
            )
        );
        vm.assertEq(emission.scheduledUntil(c.elapsedSec), a.scheduledUntil);
        EpochEmission memory epoch = emission.emissionOf(uint64(a.epoch));
        vm.assertEq(epoch.scheduled, a.scheduled);
        vm.assertEq(epoch.cap, a.cap);
        vm.assertEq(epoch.net, a.net);
    }

    function wordAt(bytes memory words, uint256 index) private pure returns (uint256 word) {
        assembly ("memory-safe") {
            word := mload(add(add(words, 32), mul(index, 32)))
        }
    }
}
